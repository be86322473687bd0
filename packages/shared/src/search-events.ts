import { z } from 'zod'
import { MessageType } from './content.ts'
import { Seq, Timestamp } from './entry.ts'
import { ConversationId, UserId } from './ids.ts'

/** A piece of a message's text around the first hit. Positions count UTF-16 code units, as strings of JavaScript, Swift's `utf16` and Java do. */
const Snippet = z.object({
  text: z.string(),
  matches: z.array(z.object({ start: z.int().min(0), length: z.int().min(1) })),
})

export const FoundMessage = z.object({
  messageId: z.string(),
  conversationId: z.string(),
  seq: Seq,
  senderId: z.string(),
  type: z.string(),
  sentAt: Timestamp,
  editedAt: Timestamp.optional(),
  snippet: Snippet,
})
export type FoundMessage = z.output<typeof FoundMessage>

/** Finding messages by what they say. */
export const searchEvents = {
  'message:search': {
    about:
      "Finds messages by their words, in all of one's conversations or one of them, newest first. A message is found if it has a word that begins with each of the words asked for; in scripts without spaces, anything that contains them. A page may be short: ask again with `next` until there is none. What was sent a moment ago may take a second to be found.",
    http: { route: 'GET /v1/messages/search' },
    request: z.strictObject({
      words: z.string().min(1).max(128),
      conversationId: ConversationId.optional(),
      senderId: UserId.optional(),
      type: MessageType.optional(),
      /** Sent at this time or later. */
      since: Timestamp.optional(),
      /** Sent before this time. */
      until: Timestamp.optional(),
      next: z.string().max(512).optional(),
      limit: z.coerce.number().int().min(1).max(50).default(20),
    }),
    reply: z.object({ messages: z.array(FoundMessage), next: z.string().optional() }),
  },
} as const
