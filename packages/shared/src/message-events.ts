import { z } from 'zod'
import { Content } from './content.ts'
import { Seq, Timestamp } from './entry.ts'
import { ConversationId, MessageId } from './ids.ts'

const target = { conversationId: ConversationId, messageId: MessageId }
/** The entry that tells of the change. */
const Changed = z.object({ seq: Seq })

/** What becomes of messages after they were sent. Asking for the same again changes nothing and gives the same. */
export const messageEvents = {
  'message:edit': {
    about:
      "Changes the content of a message of one's own, for as long as the rules of the conversation allow.",
    http: { route: 'PATCH /v1/conversations/:conversationId/messages/:messageId' },
    request: z.strictObject({
      ...target,
      content: Content,
      /** What lists and alerts show of it from now on; without it, what the type says. */
      digest: z.string().trim().min(1).max(256).optional(),
    }),
    reply: Changed,
  },
  'message:recall': {
    about:
      "Takes a message back for everybody: its content is gone. One's own for as long as the rules allow; those of others where one's role may.",
    http: { route: 'DELETE /v1/conversations/:conversationId/messages/:messageId' },
    request: z.strictObject(target),
    reply: Changed,
  },
  'message:react': {
    about: 'Adds a reaction to a message, or removes it.',
    http: { route: 'PUT /v1/conversations/:conversationId/messages/:messageId/reactions' },
    request: z.strictObject({
      ...target,
      // A key of `reactions` for whoever reads the message, and this one no edge takes or gives.
      emoji: z
        .string()
        .min(1)
        .max(32)
        .refine((emoji) => emoji !== '__proto__', 'a reserved key'),
      remove: z.boolean().default(false),
    }),
    reply: Changed,
  },
  'message:hide': {
    about: 'Deletes messages for oneself, on all devices. Others keep them.',
    http: { route: 'POST /v1/conversations/:conversationId/hidden' },
    request: z.strictObject({
      conversationId: ConversationId,
      messageIds: z.array(MessageId).min(1).max(100),
    }),
    reply: z.object({}),
  },
  'message:mark': {
    about:
      'Marks messages read or unread by themselves, on all devices; the read watermark stays. What one sent oneself is left out. Reading with `receipt:read` takes the marks up to there away; a member has at most 1,000.',
    http: { route: 'PUT /v1/conversations/:conversationId/marks' },
    request: z.strictObject({
      conversationId: ConversationId,
      messageIds: z.array(MessageId).min(1).max(100),
      read: z.boolean(),
    }),
    reply: z.object({}),
  },
  'receipt:list': {
    about: 'Who has read a message and who has it, in conversations of at most 200 people.',
    http: { route: 'GET /v1/conversations/:conversationId/messages/:messageId/receipts' },
    request: z.strictObject(target),
    reply: z.object({
      read: z.array(z.string()),
      delivered: z.array(z.string()),
      pending: z.array(z.string()),
      asOf: Timestamp,
    }),
  },
} as const
