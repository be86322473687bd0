import { leaseMs } from '@parley/shared/presence'
import { z } from 'zod'

export const presenceEnv = {
  PRESENCE_GRACE_MS: z.coerce.number().int().min(0).max(600_000).default(30_000),
  PRESENCE_LEASE_MS: z.coerce.number().int().min(1_000).max(120_000).default(leaseMs),
  PRESENCE_WATCHES_PER_SOCKET: z.coerce.number().int().min(1).max(3_000).default(200),
}
