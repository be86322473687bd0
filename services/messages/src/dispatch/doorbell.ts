import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ConversationSummary, Entry } from '@parley/shared/protocol'
import { conversationRoom, encodeEvent, userRoom } from '@parley/shared/realtime'

/** Where an entry rings: a direct conversation at its two people, a group at its room. Encoded once for all of them. */
export function doorbellsOf(entry: Entry, summary: ConversationSummary): { room: string; text: string }[] {
  const text = encodeEvent('entry:new', { entry, summary })
  const rooms = summary.userIds
    ? summary.userIds.map((userId) => userRoom(userId as UserId))
    : [conversationRoom(entry.conversationId as ConversationId)]
  return rooms.map((room) => ({ room, text }))
}
