import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ConversationSummary, Entry } from '@parley/shared/protocol'
import { conversationRoom, encodeEvent, userRoom } from '@parley/shared/realtime'

/**
 * Where an entry rings: a direct conversation at its two people, a group at its room, and at whom else is named.
 * Encoded once for all of them.
 */
export function doorbellsOf(
  entry: Entry,
  summary: ConversationSummary,
  alsoUserIds: string[] = [],
): { room: string; text: string }[] {
  const text = encodeEvent('entry:new', { entry, summary })
  const userRooms = [...(summary.userIds ?? []), ...alsoUserIds].map((userId) => userRoom(userId as UserId))
  const rooms = summary.userIds
    ? userRooms
    : [conversationRoom(entry.conversationId as ConversationId), ...userRooms]
  return rooms.map((room) => ({ room, text }))
}
