import { messageIdOf } from '@parley/shared/ids'
import type { ConversationSummary, Entry } from '@parley/shared/protocol'
import type { ConversationKind, EntryRow } from '../db/schema.ts'

export const messageKind = 'message'

type StoredEntry = Omit<EntryRow, 'counted' | 'pushed' | 'count'>

/** A row of the log as clients see it. */
export function toEntry(row: StoredEntry): Entry {
  return {
    conversationId: row.conversationId,
    seq: row.seq,
    kind: row.kind,
    ...(row.kind === messageKind ? { messageId: messageIdOf(row.conversationId, row.seq) } : {}),
    ...(row.clientMessageId === null ? {} : { clientMessageId: row.clientMessageId }),
    senderId: row.senderId,
    type: row.type,
    content: row.content,
    sentAt: row.sentAt.toISOString(),
    ...(row.editedAt ? { editedAt: row.editedAt.toISOString() } : {}),
    ...(row.recalledAt ? { recalledAt: row.recalledAt.toISOString() } : {}),
    ...(row.replyTo ? { replyTo: row.replyTo } : {}),
    ...(row.mentions ? { mentions: row.mentions } : {}),
    ...(row.ext ? { ext: row.ext } : {}),
  }
}

interface ConversationFacts {
  conversationId: string
  kind: ConversationKind
  name: string | null
  userIds: string[] | null
}

export function toSummary(row: ConversationFacts, lastSeq: number): ConversationSummary {
  return {
    conversationId: row.conversationId,
    kind: row.kind,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.userIds === null ? {} : { userIds: row.userIds }),
    lastSeq,
  }
}
