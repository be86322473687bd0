import { z } from 'zod'
import { ConversationSummary, Entry, Seq } from './entry.ts'
import { ConversationId } from './ids.ts'

export const Watermarks = z.object({
  deliveredSeq: Seq,
  readSeq: Seq,
  /** The user cleared the log up to here, on all devices. */
  clearedSeq: Seq,
})

/** How a user has a conversation in their list. */
export const Settings = z.object({
  pinned: z.boolean(),
  /** Neither in the list nor in any unread count until something new comes. */
  hidden: z.boolean(),
})

export const Role = z.enum(['owner', 'admin', 'member'])

/** A conversation as one member has it. */
export const ListedConversation = z.object({
  conversationId: z.string(),
  summary: ConversationSummary,
  role: Role,
  watermarks: Watermarks,
  settings: Settings,
  /** Counted entries of others that are not read; 0 while the conversation is hidden. */
  unread: Seq,
  lastEntry: Entry.optional(),
})

/** How a user has their conversations. */
export const conversationEvents = {
  'conversation:list': {
    about:
      'The conversations of a list as a person sees it: pinned ones first, then by activity, hidden ones left out. Ask again with `next` until there is none.',
    http: { route: 'GET /v1/conversations' },
    request: z.strictObject({
      next: z.string().max(512).optional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    reply: z.object({ conversations: z.array(ListedConversation), next: z.string().optional() }),
  },
  'conversation:set': {
    about: 'Pins or hides a conversation, on all devices.',
    http: { route: 'PUT /v1/conversations/:conversationId/settings' },
    request: z.strictObject({ conversationId: ConversationId, ...Settings.partial().shape }),
    reply: Settings,
  },
  'log:clear': {
    about: 'Clears a log for oneself up to `seq`, or all of it, on all devices. Others keep it.',
    http: { route: 'POST /v1/conversations/:conversationId/clear' },
    request: z.strictObject({ conversationId: ConversationId, seq: Seq.optional() }),
    reply: z.object({ seq: Seq }),
  },
  'unread:count': {
    about: 'Everything unread: the sum over all conversations, which is what a badge shows.',
    http: { route: 'GET /v1/unread' },
    request: z.strictObject({}),
    reply: z.object({ total: Seq }),
  },
} as const
