import type { SessionId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { closeCodes } from '@parley/shared/protocol'
import { gatewayOrders } from '@parley/shared/realtime'
import type { Subscriber } from '@parley/shared/subscriber'
import type { Listeners } from '../listeners/listeners.ts'
import type { MessagesClient } from '../messages-client.ts'
import { closeSocket } from './close-socket.ts'
import type { EndedSessions } from './ended-sessions.ts'
import type { Registry } from './registry.ts'

const pageSize = 1_000
const askEveryMs = 20_000
const deafAskEveryMs = 2_500
const warnBeforeMs = 60_000
/** As in the check of tokens: clocks may differ by so much. */
const clockToleranceMs = 30_000

interface WatchOptions {
  log: Logger
  registry: Registry
  listeners: Pick<Listeners, 'sessionIds'>
  endedSessions: EndedSessions
  messages: MessagesClient
  subscriber: Subscriber
}

/**
 * Sees to it that no socket outlives its session: access tokens end at their time, and sessions that ended while
 * the order to close them was lost are found by asking, often while no order can be heard.
 */
export function watchSessions(options: WatchOptions): AsyncDisposable {
  const { log, registry, subscriber } = options
  const expiry = startLoop({ log, name: 'token expiry', everyMs: 5_000 }, async () => {
    const now = Date.now()
    for (const socket of registry.sockets()) {
      const { expiresAt } = socket.data.identity
      if (expiresAt.getTime() + clockToleranceMs <= now)
        closeSocket(socket, closeCodes.tokenExpired, 'access token has expired')
      else if (!socket.data.warnedOfExpiry && expiresAt.getTime() - warnBeforeMs <= now) {
        socket.data.warnedOfExpiry = true
        socket.emit('token:expiring', { expiresAt: expiresAt.toISOString() })
      }
    }
  })
  let askedAt = performance.now()
  const ended = startLoop({ log, name: 'ended sessions', everyMs: deafAskEveryMs }, async () => {
    if (subscriber.hears(gatewayOrders) && performance.now() - askedAt < askEveryMs) return
    askedAt = performance.now()
    await closeEnded(options)
  })
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([expiry, ended].map((loop) => loop[Symbol.asyncDispose]()))
    },
  }
}

/** Asks about sessions that are here, all unless told which, and closes the sockets of those that have ended. */
export async function closeEnded(
  {
    registry,
    listeners,
    endedSessions,
    messages,
  }: Pick<WatchOptions, 'registry' | 'listeners' | 'endedSessions' | 'messages'>,
  sessionIds: SessionId[] = [...registry.sessionIds(), ...listeners.sessionIds()],
): Promise<void> {
  const all = [...new Set(sessionIds)]
  for (let i = 0; i < all.length; i += pageSize) {
    const { ended } = await messages.findEnded(all.slice(i, i + pageSize))
    for (const session of ended) endedSessions.end(session)
  }
}
