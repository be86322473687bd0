import { randomBytes } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import { createPresenceLease } from '@parley/shared/presence'
import type { AppState } from '@parley/shared/presence-events'
import type { Context } from '../context.ts'
import { createBurial } from './burial.ts'
import { startLastSeen } from './last-seen.ts'
import { startNews } from './news.ts'

type PresenceContext = Pick<
  Context,
  'config' | 'log' | 'redis' | 'publisher' | 'registry' | 'messages' | 'load'
>

/**
 * Keeps Redis told of who is here: each change as it happens, and one lease for all of them. Whoever watches hears of
 * users who come and go, and messages when they went.
 */
export function startPresence(ctx: PresenceContext) {
  const { redis, log, config, registry } = ctx
  const { leaseMs } = config.presence
  // A gateway that starts again under its old name must not speak for the users it had before.
  const name = `${config.gatewayId}.${randomBytes(4).toString('hex')}`
  const said = new Map<UserId, AppState>()
  const lease = createPresenceLease(redis, name, () => registry.everybody(), leaseMs)
  const failed = (err: unknown) => log.warn({ err }, 'presence is told late')
  lease.renew().catch(failed)
  const news = startNews(ctx)
  const lastSeen = startLastSeen(ctx)
  const buryGateways = createBurial({ redis, leaseMs, news, lastSeen })
  const renewing = startLoop({ log, name: 'presence lease', everyMs: leaseMs / 6 }, async () => {
    await lease.renew()
    await buryGateways()
  })

  return {
    /** To be called when a user's sockets here have changed, or what the app is at on them. */
    changed(userId: UserId): void {
      const here = registry.presenceOf(userId)
      const state = here.sockets === 0 ? undefined : here.foreground ? 'foreground' : 'background'
      const isNews = state !== said.get(userId)
      if (state === undefined) {
        said.delete(userId)
        lastSeen.add(userId, new Date())
      } else said.set(userId, state)
      // Who hears the news asks Redis, so Redis is told first.
      lease
        .set(userId, here)
        .then(() => {
          if (isNews) news.add(userId)
        })
        .catch(failed)
    },
    async [Symbol.asyncDispose]() {
      await renewing[Symbol.asyncDispose]()
      await lease.release().catch(failed)
      await Promise.all([news[Symbol.asyncDispose](), lastSeen[Symbol.asyncDispose]()])
    },
  }
}

export type Presence = ReturnType<typeof startPresence>
