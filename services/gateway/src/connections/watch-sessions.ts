import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { closeCodes } from '@parley/shared/protocol'
import { conversationRoom } from '@parley/shared/realtime'
import type { MessagesClient } from '../messages-client.ts'
import { closeSocket } from './close-socket.ts'
import type { Registry } from './registry.ts'

const pageSize = 1_000
const warnBeforeMs = 60_000
/** As in the check of tokens: clocks may differ by so much. */
const clockToleranceMs = 30_000

interface WatchOptions {
  log: Logger
  registry: Registry
  messages: MessagesClient
}

/**
 * Sees to it that no socket outlives its session: access tokens end at their time, and sessions that ended while
 * the order to close them was lost are found by asking.
 */
export function watchSessions({ log, registry, messages }: WatchOptions): AsyncDisposable {
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
  const ended = startLoop({ log, name: 'ended sessions', everyMs: 20_000 }, async () => {
    const all = registry.sessionIds()
    for (let i = 0; i < all.length; i += pageSize) {
      const { sessionIds } = await messages.findEnded(all.slice(i, i + pageSize))
      for (const sessionId of sessionIds) {
        for (const socket of registry.socketsOfSession(sessionId)) {
          closeSocket(socket, closeCodes.tokenExpired, 'session has ended')
        }
      }
    }
  })
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([expiry, ended].map((loop) => loop[Symbol.asyncDispose]()))
    },
  }
}

/** Joins every socket to the conversations its user is in by now: orders to join may have been lost. */
export async function renewRooms({
  registry,
  messages,
}: Pick<WatchOptions, 'registry' | 'messages'>): Promise<void> {
  await Promise.all(
    [...registry.sockets()].map(async (socket) => {
      const { conversationIds } = await messages.openSession(socket.data.identity)
      if (socket.connected) await socket.join(conversationIds.map(conversationRoom))
    }),
  )
}
