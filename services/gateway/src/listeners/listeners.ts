import { randomUUID } from 'node:crypto'
import type { ConversationId, SessionId, UserId } from '@parley/shared/ids'
import { conversationRoom, userRoom } from '@parley/shared/realtime'
import type { OpenedSession } from '@parley/shared/rpc'
import type { Subscriber } from '@parley/shared/subscriber'
import type { Identity } from '@parley/shared/tokens'
import type { Adapter } from 'socket.io-adapter'
import type { Config } from '../config.ts'
import type { RoomChanges } from '../connections/room-changes.ts'
import { settleRooms } from '../connections/settle-rooms.ts'
import { nodeDrains, nodeFull, tooManyListeners } from '../errors.ts'
import type { Heard } from '../fanout/hear-doorbells.ts'
import { createListener, type Ending, type Listener } from './listener.ts'

interface ListenersOptions {
  limits: Config['limits']
  adapter: Adapter
  subscriber: Subscriber
  roomChanges: RoomChanges
}

/**
 * Who listens on this node without a socket: polls that are held, and event streams. Each is in the same rooms as
 * a socket of its user would be, so what Redis carries for sockets wakes it, and nothing else has to.
 */
export function createListeners({ limits, adapter, subscriber, roomChanges }: ListenersOptions) {
  const byId = new Map<string, Listener>()
  const byUser = new Map<UserId, Set<string>>()
  let isClosed = false

  function* of(userId: UserId): Iterable<Listener> {
    for (const id of byUser.get(userId) ?? []) {
      const listener = byId.get(id)
      if (listener) yield listener
    }
  }

  function remove({ id, identity: { userId } }: Listener): void {
    adapter.delAll(id)
    byId.delete(id)
    const ofUser = byUser.get(userId)
    ofUser?.delete(id)
    if (ofUser?.size === 0) byUser.delete(userId)
  }

  return {
    get count(): number {
      return byId.size
    },

    /**
     * From here on it hears of the end of its session; of its rooms, once it has been let in. To be disposed of.
     * Errors: `rate_limited` for too many of one user, `overloaded` for too many on this node,
     * `draining` once it is going away.
     */
    open(identity: Identity, onEvent?: (heard: Heard) => void) {
      const { userId } = identity
      if (isClosed) throw nodeDrains(1_000)
      if (byId.size >= limits.listeners) throw nodeFull()
      const ofUser = byUser.get(userId) ?? new Set()
      if (ofUser.size >= limits.listenersPerUser) throw tooManyListeners()
      const listener = createListener(`http:${randomUUID()}`, identity, onEvent)
      byId.set(listener.id, listener)
      byUser.set(userId, ofUser.add(listener.id))
      return {
        ...listener,
        /** Asks which groups it is to hear. What commits after this wakes it; what committed before is there to be read. */
        async letIn(openSession: () => Promise<OpenedSession>): Promise<void> {
          using changes = roomChanges.watch(userId)
          const { conversationIds } = await openSession()
          if (!byId.has(listener.id)) return
          void adapter.addAll(listener.id, new Set([userRoom(userId)]))
          settleRooms(adapter, listener.id, changes.addTo(conversationIds))
          await subscriber.settled()
        },
        [Symbol.dispose]: () => remove(listener),
      }
    },

    /** What is said in one of its rooms. */
    tell(id: string, heard: Heard): void {
      byId.get(id)?.hear(heard)
    },

    has: (userId: UserId): boolean => byUser.has(userId),
    tellUser(userId: UserId, heard: Heard): void {
      for (const listener of of(userId)) listener.hear(heard)
    },
    /** Whether anybody was outside. */
    join(userId: UserId, conversationId: ConversationId): boolean {
      const room = conversationRoom(conversationId)
      const outside = [...of(userId)].filter(({ id }) => !adapter.sids.get(id)?.has(room))
      for (const { id } of outside) void adapter.addAll(id, new Set([room]))
      return outside.length > 0
    },
    leave(userId: UserId, conversationId: ConversationId): void {
      for (const { id } of of(userId)) void adapter.del(id, conversationRoom(conversationId))
    },
    closeRoom(conversationId: ConversationId): void {
      const room = conversationRoom(conversationId)
      for (const id of byId.keys()) void adapter.del(id, room)
    },

    sessionIds: (): SessionId[] => [...byId.values()].map(({ identity }) => identity.sessionId),
    endSession(sessionId: SessionId, ending: Ending): void {
      for (const { identity, end } of byId.values()) if (identity.sessionId === sessionId) end(ending)
    },
    /** Doorbells of these rooms, or orders to whomever, may have been lost: who is concerned looks, each at a moment of its own. */
    wake(rooms: ReadonlySet<string> | 'all', { withinMs }: { withinMs: number }): void {
      for (const listener of byId.values()) {
        if (rooms === 'all' || adapter.sids.get(listener.id)?.isDisjointFrom(rooms) === false)
          setTimeout(() => listener.missedSome(), Math.random() * withinMs).unref()
      }
    },
    /** Sends all of them elsewhere; there will be no others. */
    endAll(ending: () => Ending): void {
      isClosed = true
      for (const { end } of byId.values()) end(ending())
    },
  }
}

export type Listeners = ReturnType<typeof createListeners>
export type OpenListener = ReturnType<Listeners['open']>
