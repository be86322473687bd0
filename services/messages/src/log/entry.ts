import type { ConversationSummary, Entry } from '@parley/shared/entry'
import { messageIdOf } from '@parley/shared/ids'
import type { ConversationKind, EntryRow } from '../db/schema.ts'
import { isoTime } from './iso-time.ts'

export const messageKind = 'message'
/** The one kind that says words of another entry. */
export const editKind = 'edit'

/** A row of the log, without what only the server needs. */
export type LogRow = Omit<EntryRow, 'pushed' | 'count'>

/** What most entries have nothing of. */
export const plainEntry = {
  clientMessageId: null,
  targetSeq: null,
  digest: null,
  synced: true,
  replyTo: null,
  mentions: null,
  ext: null,
  clientSentAt: null,
  reactions: null,
  editedAt: null,
  recalledAt: null,
}

/** An entry as clients see it. */
export function toEntry(row: LogRow): Entry {
  return {
    // First: gateways read it in the text, to measure how late an entry is.
    sentAt: isoTime(row.sentAt),
    conversationId: row.conversationId,
    seq: row.seq,
    kind: row.kind,
    ...(row.kind === messageKind ? { messageId: messageIdOf(row.conversationId, row.seq) } : {}),
    ...(row.clientMessageId === null ? {} : { clientMessageId: row.clientMessageId }),
    senderId: row.senderId,
    type: row.type,
    content: row.content,
    ...(row.clientSentAt ? { clientSentAt: row.clientSentAt } : {}),
    ...(row.editedAt ? { editedAt: row.editedAt.toISOString() } : {}),
    ...(row.recalledAt ? { recalledAt: row.recalledAt.toISOString() } : {}),
    ...(row.reactions ? { reactions: row.reactions } : {}),
    ...(row.replyTo ? { replyTo: row.replyTo } : {}),
    ...(row.mentions ? { mentions: row.mentions } : {}),
    ...(row.digest ? { digest: row.digest } : {}),
    ...(row.ext ? { ext: row.ext } : {}),
    ...(row.counted ? {} : { counted: false as const }),
  }
}

/**
 * An entry as one reader sees it: what is not for them keeps its number and nothing else. An edit is withheld with its
 * message, whose words it says: here where that is not after their floor, by `hidden` where they deleted it.
 */
export function toEntryFor(
  { userId, floorSeq }: { userId: string; floorSeq: number },
  row: LogRow & { hidden: boolean },
): Entry {
  const isBelow = row.kind === editKind && row.targetSeq !== null && row.targetSeq <= floorSeq
  const withheld = row.hidden || isBelow || (!row.synced && row.senderId === userId)
  if (!withheld) return toEntry(row)
  return {
    conversationId: row.conversationId,
    seq: row.seq,
    kind: 'hidden',
    senderId: row.senderId,
    type: 'hidden',
    content: {},
    sentAt: row.sentAt.toISOString(),
    counted: false,
  }
}

export interface ConversationFacts {
  conversationId: string
  kind: ConversationKind
  policy: string | null
  name: string | null
  avatarUrl: string | null
  userIds: string[] | null
}

export function toSummary(row: ConversationFacts, lastSeq: number): ConversationSummary {
  return {
    conversationId: row.conversationId,
    kind: row.kind,
    ...(row.policy === null ? {} : { policy: row.policy }),
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.avatarUrl === null ? {} : { avatarUrl: row.avatarUrl }),
    ...(row.userIds === null ? {} : { userIds: row.userIds }),
    lastSeq,
  }
}
