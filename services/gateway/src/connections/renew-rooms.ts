import { AppError, type ErrorCode } from '@parley/shared/errors'
import type { SessionId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import type { Context } from '../context.ts'
import type { ChatSocket } from '../realtime.ts'
import { settleRooms } from './settle-rooms.ts'

const pageSize = 1_000
const againAfterMs = 1_000

type RenewalContext = Pick<Context, 'log' | 'registry' | 'roomChanges' | 'messages'> & {
  /** Closes what is here of sessions that have ended. */
  closeEnded: (sessionIds: SessionId[]) => Promise<void>
}

/**
 * Puts sockets into the rooms of the groups their users are in by now, and out of others, when orders may have been
 * lost: each as soon as messages answers for it, however long that takes. One whose session has ended is closed.
 */
export function startRoomRenewal({ log, registry, roomChanges, messages, closeEnded }: RenewalContext) {
  const inDoubt = new Set<ChatSocket>()
  let lostUntil = -Infinity

  /** The socket, if its session has ended. */
  async function renew(socket: ChatSocket): Promise<ChatSocket | undefined> {
    // Before messages is asked: orders that are lost after that put it back.
    inDoubt.delete(socket)
    if (!socket.connected) return undefined
    try {
      using changes = roomChanges.watch(socket.data.identity.userId)
      const { conversationIds } = await messages.openSession(socket.data.identity)
      if (socket.connected) settleRooms(socket.nsp.adapter, socket.id, changes.addTo(conversationIds))
      return undefined
    } catch (cause) {
      if (hasEnded(cause)) return socket
      inDoubt.add(socket)
      throw cause
    }
  }

  async function close(ended: ChatSocket[]): Promise<void> {
    if (ended.length === 0) return
    try {
      await closeEnded(ended.map(({ data }) => data.identity.sessionId))
    } catch (cause) {
      for (const socket of ended) inDoubt.add(socket)
      throw cause
    }
  }

  const renewing = startLoop({ log, name: 'rooms', everyMs: againAfterMs }, async () => {
    const all = [...inDoubt]
    let failure: PromiseRejectedResult | undefined
    for (let i = 0; i < all.length; i += pageSize) {
      const outcomes = await Promise.allSettled(all.slice(i, i + pageSize).map(renew))
      const ended = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' ? (outcome.value ?? []) : [],
      )
      const closed = await Promise.allSettled([close(ended)])
      failure ??= [...outcomes, ...closed].find((outcome) => outcome.status === 'rejected')
    }
    if (failure) throw failure.reason
  })

  return {
    /** Orders may have been lost until now. */
    all(): void {
      lostUntil = performance.now()
      for (const socket of registry.sockets()) inDoubt.add(socket)
      renewing.soon()
    },
    /** To be called with a socket that was just registered: its groups may have been asked for before that. */
    checkNewcomer(socket: ChatSocket): void {
      if (socket.data.askedAt <= lostUntil) inDoubt.add(socket)
    },
    [Symbol.asyncDispose]: () => renewing[Symbol.asyncDispose](),
  }
}

const endings: ReadonlySet<ErrorCode> = new Set(['unauthenticated', 'session_replaced', 'account_suspended'])
const hasEnded = (cause: unknown) => cause instanceof AppError && endings.has(cause.code)
