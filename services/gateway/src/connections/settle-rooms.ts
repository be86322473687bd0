import type { ConversationId } from '@parley/shared/ids'
import { conversationRoom, isConversationRoom } from '@parley/shared/realtime'
import type { Adapter } from 'socket.io-adapter'

/** Puts a socket, or whoever listens without one, into the rooms of these conversations and out of those of others. */
export function settleRooms(adapter: Adapter, id: string, conversationIds: Iterable<ConversationId>): void {
  const rooms = new Set([...conversationIds].map(conversationRoom))
  for (const room of adapter.sids.get(id) ?? [])
    if (isConversationRoom(room) && !rooms.has(room)) void adapter.del(id, room)
  void adapter.addAll(id, rooms)
}
