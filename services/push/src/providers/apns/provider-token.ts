import type { KeyObject } from 'node:crypto'
import type { RedisClient } from '@parley/shared/redis'
import { SignJWT } from 'jose'
import type { Logger } from 'pino'
import { createSharedToken, type SharedToken } from '../../credentials/shared-token.ts'

export interface ApnsKey {
  teamId: string
  keyId: string
  privateKey: KeyObject
}

interface ProviderTokenOptions {
  redis: RedisClient
  log: Logger
  key: ApnsKey
  minted: () => void
}

const minute = 60_000

/**
 * The JWT that authorises pushes of a team. APNs refuses one older than 60 minutes and whoever renews it
 * more than once in about 20 ("Establishing a token-based connection to APNs"); so it is made anew every 50
 * minutes, once for all workers.
 */
export function createProviderToken({ redis, log, key, minted }: ProviderTokenOptions): SharedToken {
  return createSharedToken({
    redis,
    log,
    name: `apns:${key.teamId}:${key.keyId}`,
    replaceEveryMs: 20 * minute,
    async mint() {
      minted()
      const now = Date.now()
      const value = await new SignJWT()
        .setProtectedHeader({ alg: 'ES256', kid: key.keyId })
        .setIssuer(key.teamId)
        .setIssuedAt(Math.floor(now / 1_000))
        .sign(key.privateKey)
      return { value, refreshAt: now + 50 * minute, expiresAt: now + 59 * minute }
    },
  })
}
