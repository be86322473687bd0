import { ConfigError } from '@parley/shared/env'
import type { Heartbeat, HeartbeatProfile } from '@parley/shared/presence-events'
import { z } from 'zod'

/** More than a beat a second costs more than it tells; beyond an hour no proxy keeps a connection. */
const beatMs = z.coerce.number().int().min(1_000).max(3_600_000)

export const heartbeatEnv = {
  HEARTBEAT_FOREGROUND_MS: beatMs.default(30_000),
  HEARTBEAT_BACKGROUND_MS: beatMs.default(300_000),
  HEARTBEAT_TIMEOUT_MS: beatMs.default(15_000),
  HEARTBEAT_MISSES: z.coerce.number().int().min(1).max(10).default(3),
}

export interface Heartbeats {
  intervalMs: Record<HeartbeatProfile, number>
  /** How long after a beat a connection may stay silent; within it the beat is repeated. */
  timeoutMs: number
  /** Unanswered beats after which it is dead. */
  misses: number
}

const Env = z.object(heartbeatEnv)

export function loadHeartbeats(env: z.output<typeof Env>): Heartbeats {
  const { HEARTBEAT_FOREGROUND_MS: foreground, HEARTBEAT_BACKGROUND_MS: background } = env
  if (background < foreground)
    throw new ConfigError('HEARTBEAT_BACKGROUND_MS is at least HEARTBEAT_FOREGROUND_MS')
  return {
    intervalMs: { foreground, background },
    timeoutMs: env.HEARTBEAT_TIMEOUT_MS,
    misses: env.HEARTBEAT_MISSES,
  }
}

/** What the server prescribes for a connection of this profile, and what the client may rely on. */
export function heartbeatOf(
  { heartbeats }: { heartbeats: Heartbeats },
  profile: HeartbeatProfile,
): Heartbeat {
  return { profile, intervalMs: heartbeats.intervalMs[profile], timeoutMs: heartbeats.timeoutMs }
}
