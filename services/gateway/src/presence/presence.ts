import type { UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { createPresenceLease, leaseMs } from '@parley/shared/presence'
import type { Redis } from 'ioredis'
import type { Registry } from '../connections/registry.ts'

interface PresenceOptions {
  redis: Redis
  log: Logger
  gatewayId: string
  registry: Registry
}

/** Keeps Redis told of who is here: each change as it happens, and one lease for all of them. */
export function startPresence({ redis, log, gatewayId, registry }: PresenceOptions) {
  const lease = createPresenceLease(redis, gatewayId, () => registry.everybody())
  const failed = (err: unknown) => log.warn({ err }, 'presence is told late')
  lease.renew().catch(failed)
  const renewing = startLoop({ log, name: 'presence lease', everyMs: leaseMs / 6 }, () => lease.renew())

  return {
    /** To be called when a user's sockets here have changed, or what the app is at on them. */
    changed(userId: UserId): void {
      lease.set(userId, registry.presenceOf(userId)).catch(failed)
    },
    async [Symbol.asyncDispose]() {
      await renewing[Symbol.asyncDispose]()
      await lease.release().catch(failed)
    },
  }
}

export type Presence = ReturnType<typeof startPresence>
