import { z } from 'zod'

/** Counted from 1 in each conversation; 0 stands before the first entry. */
export const Seq = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
/** ISO 8601, within what Postgres reads: it has no year 0, and takes only so many digits. */
export const Timestamp = z.iso
  .datetime()
  .refine((text) => text.length <= 40 && !text.startsWith('0000-'), 'a time from the year 1 on')
/** What a client's own clock said when its user sent something, with its offset if it likes. Nothing is ordered by it. */
export const ClientSentAt = z.iso.datetime({ offset: true }).max(40)

/** One line of a conversation's log. */
export const Entry = z.object({
  conversationId: z.string(),
  seq: Seq,
  /**
   * `message`; `edit`, `recall`, `reaction` for what happened to one; `hidden` for one that is not for this reader,
   * keeping its number; otherwise what happened to the conversation, such as `created` or `members-added`.
   */
  kind: z.string(),
  messageId: z.string().optional(),
  clientMessageId: z.string().optional(),
  senderId: z.string(),
  type: z.string(),
  content: z.record(z.string(), z.unknown()),
  /** When the server stored it: never before the entry in front of it. */
  sentAt: Timestamp,
  /** As the client gave it. */
  clientSentAt: z.string().optional(),
  editedAt: Timestamp.optional(),
  recalledAt: Timestamp.optional(),
  reactions: z.record(z.string(), z.array(z.string())).optional(),
  replyTo: z.string().optional(),
  mentions: z.array(z.string()).optional(),
  digest: z.string().optional(),
  ext: z.record(z.string(), z.unknown()).optional(),
  /** `false` where it is not counted as unread by anybody; otherwise absent. */
  counted: z.literal(false).optional(),
})
export type Entry = z.output<typeof Entry>

/** What a conversation list shows, the same for every member. */
export const ConversationSummary = z.object({
  conversationId: z.string(),
  /** `self` is the user's own log: what concerns this user alone. Nobody writes into it. */
  kind: z.enum(['direct', 'group', 'live', 'self']),
  /** Of a group: the rules it lives by. */
  policy: z.string().optional(),
  name: z.string().optional(),
  avatarUrl: z.string().optional(),
  /** The two people of a direct conversation. */
  userIds: z.array(z.string()).optional(),
  lastSeq: Seq,
})
export type ConversationSummary = z.output<typeof ConversationSummary>
