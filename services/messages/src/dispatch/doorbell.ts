import type { ConversationId, UserId } from '@parley/shared/ids'
import { conversationRoom, encodeEvent, userRoom } from '@parley/shared/realtime'
import { type ConversationFacts, type LogRow, toEntry, toSummary } from '../log/entry.ts'
import type { PreparedSend } from '../messages/prepared-send.ts'

export interface Ring {
  room: string
  text: string
}

/**
 * Where an entry rings: a direct conversation at its two people, a group at its room, and at whom else is named.
 * Encoded once for all of them. An entry that is kept from the sender's other devices does not ring at them; in
 * a group, whose room they are in, it only says that there is something to read.
 */
export function doorbellsOf(row: LogRow, facts: ConversationFacts, alsoUserIds: string[] = []): Ring[] {
  const text = encodeEvent('entry:new', { entry: toEntry(row), summary: toSummary(facts, row.seq) })
  if (row.synced) return roomsOf(facts, alsoUserIds).map((room) => ({ room, text }))
  if (!facts.userIds) return wordlessBellsOf(row, facts)
  return roomsOf({ ...facts, userIds: facts.userIds.filter((userId) => userId !== row.senderId) }).map(
    (room) => ({ room, text }),
  )
}

/** The same where not everybody who hears it may read the entry: each reads the log with their own rights. */
export function wordlessBellsOf({ conversationId, seq }: LogRow, facts: ConversationFacts): Ring[] {
  const text = encodeEvent('log:grown', { conversationId, lastSeq: seq })
  return roomsOf(facts).map((room) => ({ room, text }))
}

/** Where a message that is not kept is heard: the same, now or never. */
export function passingBellsOf(
  send: PreparedSend,
  { messageId, sentAt, facts }: { messageId: string; sentAt: Date; facts: ConversationFacts },
): Ring[] {
  const text = encodeEvent('message:passed', {
    conversationId: send.conversationId,
    messageId,
    clientMessageId: send.clientMessageId,
    senderId: send.senderId,
    type: send.type,
    content: send.content,
    sentAt: sentAt.toISOString(),
    ...(send.clientSentAt ? { clientSentAt: send.clientSentAt } : {}),
    ...(send.ext ? { ext: send.ext } : {}),
  })
  const userIds = facts.userIds?.filter((userId) => send.synced || userId !== send.senderId) ?? null
  return roomsOf({ ...facts, userIds }).map((room) => ({ room, text }))
}

function roomsOf(
  { conversationId, userIds }: Pick<ConversationFacts, 'conversationId' | 'userIds'>,
  alsoUserIds: string[] = [],
): string[] {
  const userRooms = [...(userIds ?? []), ...alsoUserIds].map((userId) => userRoom(userId as UserId))
  return userIds ? userRooms : [conversationRoom(conversationId as ConversationId), ...userRooms]
}
