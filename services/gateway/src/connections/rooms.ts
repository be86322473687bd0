import type { ConversationId, UserId } from '@parley/shared/ids'
import { conversationRoom } from '@parley/shared/realtime'
import type { Listeners } from '../listeners/listeners.ts'
import type { ChatServer } from '../realtime.ts'
import type { Registry } from './registry.ts'
import type { RoomChanges } from './room-changes.ts'

interface RoomsOptions {
  io: ChatServer
  registry: Registry
  listeners: Listeners
  roomChanges: RoomChanges
}

/** Who of this node hears which conversation: a user's sockets, those that are just coming in, and those who listen without one. */
export function createRooms({ io, registry, listeners, roomChanges }: RoomsOptions) {
  return {
    /** Or is just coming in. */
    isHere: (userId: UserId): boolean =>
      registry.user(userId) !== undefined || roomChanges.isWatched(userId) || listeners.has(userId),

    /** Whether anybody was outside. */
    letIn(userId: UserId, conversationId: ConversationId): boolean {
      const room = conversationRoom(conversationId)
      const outside = registry.socketsOf(userId).filter((socket) => !socket.rooms.has(room))
      for (const socket of outside) void socket.join(room)
      roomChanges.joined(userId, conversationId)
      return listeners.join(userId, conversationId) || outside.length > 0
    },

    letOut(userId: UserId, conversationId: ConversationId): void {
      for (const socket of registry.socketsOf(userId)) void socket.leave(conversationRoom(conversationId))
      roomChanges.left(userId, conversationId)
      listeners.leave(userId, conversationId)
    },

    /** Who has a socket here that is in. */
    usersIn(conversationId: ConversationId): UserId[] {
      const { adapter, sockets } = io.of('/')
      const userIds = new Set<UserId>()
      for (const id of adapter.rooms.get(conversationRoom(conversationId)) ?? []) {
        const userId = sockets.get(id)?.data.identity.userId
        if (userId !== undefined) userIds.add(userId)
      }
      return [...userIds]
    },

    /** Everybody leaves. */
    close(conversationId: ConversationId): void {
      const room = conversationRoom(conversationId)
      io.local.in(room).socketsLeave(room)
      roomChanges.closed(conversationId)
      listeners.closeRoom(conversationId)
    },

    tellGrown(userId: UserId, conversationId: ConversationId, lastSeq: number): void {
      const event = { conversationId, lastSeq }
      for (const socket of registry.socketsOf(userId)) socket.emit('log:grown', event)
      listeners.tellUser(userId, { name: 'log:grown', payload: JSON.stringify(event) })
    },
  }
}

export type Rooms = ReturnType<typeof createRooms>
