import { z } from 'zod'
import { checkContent, Content, jsonAtMost, MessageType } from './content.ts'
import type { ErrorBody } from './errors.ts'
import { ConversationId, MessageId, UserId } from './ids.ts'
import { MediaObject } from './media.ts'

/** Counted from 1 in each conversation; 0 stands before the first entry. */
export const Seq = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const Timestamp = z.iso.datetime()

export const PushTokenKind = z.enum(['apns', 'apns-voip', 'fcm', 'webpush'])
export type PushTokenKind = z.output<typeof PushTokenKind>
export type ReceiptKind = 'delivered' | 'read'

/** Data of the app, returned untouched. */
const Ext = z.record(z.string().max(128), z.unknown()).refine(jsonAtMost(4_096), 'at most 4 KB as JSON')

/** What a sender says of a message. Who sends it comes from the session. */
export const MessageDraft = z
  .strictObject({
    /** Chosen by the client; sending the same one again returns the first result. */
    clientMessageId: z.string().min(1).max(64),
    to: z.union([z.strictObject({ conversationId: ConversationId }), z.strictObject({ userId: UserId })]),
    type: MessageType,
    content: Content,
    replyTo: MessageId.optional(),
    mentions: z.array(UserId).max(100).optional(),
    ext: Ext.optional(),
  })
  .superRefine(checkContent)
export type MessageDraft = z.output<typeof MessageDraft>

export const Sent = z.object({
  messageId: z.string(),
  conversationId: z.string(),
  seq: Seq,
  sentAt: Timestamp,
})

/** One line of a conversation's log. */
export const Entry = z.object({
  conversationId: z.string(),
  seq: Seq,
  /** `message`, or what happened to the conversation: `created`, `members-added`. */
  kind: z.string(),
  messageId: z.string().optional(),
  clientMessageId: z.string().optional(),
  senderId: z.string(),
  type: z.string(),
  content: z.record(z.string(), z.unknown()),
  sentAt: Timestamp,
  editedAt: Timestamp.optional(),
  recalledAt: Timestamp.optional(),
  reactions: z.record(z.string(), z.array(z.string())).optional(),
  replyTo: z.string().optional(),
  mentions: z.array(z.string()).optional(),
  ext: z.record(z.string(), z.unknown()).optional(),
})
export type Entry = z.output<typeof Entry>

/** What a conversation list shows, the same for every member. */
export const ConversationSummary = z.object({
  conversationId: z.string(),
  /** `self` is the user's own log: what concerns this user alone. Nobody writes into it. */
  kind: z.enum(['direct', 'group', 'live', 'self']),
  name: z.string().optional(),
  /** The two people of a direct conversation. */
  userIds: z.array(z.string()).optional(),
  lastSeq: Seq,
})
export type ConversationSummary = z.output<typeof ConversationSummary>

export const Watermarks = z.object({ deliveredSeq: Seq, readSeq: Seq })

/** A conversation as one member has it, with the entries that member's device lacks. */
export const ConversationChange = z.object({
  conversationId: z.string(),
  summary: ConversationSummary,
  role: z.enum(['owner', 'admin', 'member']),
  watermarks: Watermarks,
  /** Counted entries of others after the read mark. */
  unread: Seq,
  lastEntry: Entry.optional(),
  /** Oldest first, after what the device knows; the newest ones if it knows nothing. */
  entries: z.array(Entry),
  /** False if entries between what the device knows and the first of `entries`, or after the last, are left to fetch. */
  complete: z.boolean(),
})
export type ConversationChange = z.output<typeof ConversationChange>

/** What others see of a user. */
export const Profile = z.object({
  userId: z.string(),
  displayName: z.string().optional(),
  /** A media id or the address of a picture. */
  avatar: z.string().optional(),
})
export type Profile = z.output<typeof Profile>

/** How a user stands to another. Also the content of entries of kind `contact` in the user's own log. */
export const Contact = z.object({
  userId: z.string(),
  /** `requested`: asked and waits; `received`: was asked; `declined`, `removed`, `none`: no contact (any more). */
  state: z.enum(['none', 'requested', 'received', 'contact', 'declined', 'removed']),
  /** Whether this user blocks the other. */
  blocked: z.boolean(),
  /** What this user calls the other. */
  remark: z.string().optional(),
  /** The words of the request. */
  greeting: z.string().optional(),
})
export type Contact = z.output<typeof Contact>

const pageLimit = z.coerce.number().int().min(1).max(200)

/** A page of a log: after a seq upwards, before a seq downwards, or the newest. Entries come oldest first. */
export const LogQuery = z
  .strictObject({
    conversationId: ConversationId,
    after: Seq.optional(),
    before: Seq.optional(),
    limit: pageLimit.default(50),
  })
  .refine(
    ({ after, before }) => after === undefined || before === undefined,
    'either after or before, not both',
  )
export type LogQuery = z.output<typeof LogQuery>

export const LogPage = z.object({ entries: z.array(Entry), lastSeq: Seq, complete: z.boolean() })
export type LogPage = z.output<typeof LogPage>

export const SyncQuery = z.strictObject({
  /** From an earlier reply; absent, everything is told. */
  cursor: z.string().max(512).optional(),
  /** What the device has, so that only what it lacks is sent. */
  known: z
    .array(z.strictObject({ conversationId: ConversationId, seq: Seq }))
    .max(1_000)
    .optional(),
  limit: pageLimit.default(50),
})
export type SyncQuery = z.output<typeof SyncQuery>

/** Page until `complete`; then keep `cursor` for the next time. */
export const SyncPage = z.object({
  conversations: z.array(ConversationChange),
  cursor: z.string(),
  complete: z.boolean(),
})
export type SyncPage = z.output<typeof SyncPage>

const Receipt = z.strictObject({ conversationId: ConversationId, seq: Seq })
/** Where the mark now stands. */
const Watermark = z.object({ seq: Seq })

/** What a client may ask over the socket: the request it sends and the reply it is promised. */
export const clientEvents = {
  'message:send': {
    about:
      'Sends a message. The reply comes after it is stored; sending the same `clientMessageId` again gives the same reply.',
    request: MessageDraft,
    reply: Sent,
  },
  'receipt:deliver': {
    about:
      'This device has everything up to `seq`. Send it at most once a second and conversation, with the highest.',
    request: Receipt,
    reply: Watermark,
  },
  'receipt:read': {
    about: 'The user has read everything up to `seq`, on all devices.',
    request: Receipt,
    reply: Watermark,
  },
  'session:renew': {
    about:
      'Goes on with a fresh access token on the same socket. It is of the same user and device, and of a session that lives.',
    request: z.strictObject({ token: z.string().min(1).max(8_192) }),
    reply: z.object({ expiresAt: Timestamp }),
  },
  'log:read': { about: 'A page of a log, oldest first.', request: LogQuery, reply: LogPage },
  'log:sync': {
    about:
      'What changed since a cursor, by conversation, newest first. Ask again with the cursor until `complete`.',
    request: SyncQuery,
    reply: SyncPage,
  },
} as const

/** What the server announces. Nobody answers these. */
export const serverEvents = {
  'entry:new': z
    .object({ entry: Entry, summary: ConversationSummary })
    .describe('A doorbell: an entry was stored. Fetch what a jump in `seq` leaves out with `log:read`.'),
  'receipt:moved': z
    .object({ conversationId: z.string(), userId: z.string(), kind: z.enum(['delivered', 'read']), seq: Seq })
    .describe(
      'A watermark moved: told to both people of a direct conversation, and of reading to the own devices.',
    ),
  'media:changed': MediaObject.describe(
    'An upload of the own went on: a stage of its processing began, or it is `ready` or `failed`. A hint; `GET /v1/media/:mediaId?format=json` tells the same.',
  ),
  'log:stale': z
    .object({ withinMs: z.int() })
    .describe('Doorbells may have been lost: sync within this time, at a moment of your own choice.'),
  'session:replaced': z
    .object({
      by: z.object({
        deviceId: z.string(),
        platform: z.string(),
        /** The address it came from. */
        address: z.string().optional(),
        at: Timestamp,
      }),
    })
    .describe(
      'Another log-in took the place of this session, as the policy of the server has it, or this device connected a second time. The socket closes with 4409. Logging in again takes the place back.',
    ),
  'session:draining': z
    .object({ reconnectAfterMs: z.int() })
    .describe('This node is going away: come back after this time. The socket closes with 4503.'),
  'session:closing': z
    .object({ code: z.int(), reason: z.string() })
    .describe('The socket closes with this code, at once.'),
  'token:expiring': z
    .object({ expiresAt: Timestamp })
    .describe(
      'The access token ends soon: refresh it and hand the new one in with `session:renew`, or the socket closes with 4401.',
    ),
  'request:refused': z
    .object({ event: z.string(), error: z.record(z.string(), z.unknown()) })
    .describe('An event that asked for no acknowledgement: it was not carried out.'),
} as const

export type ClientEventName = keyof typeof clientEvents
export type ClientRequest<E extends ClientEventName> = z.output<(typeof clientEvents)[E]['request']>
export type ClientReply<E extends ClientEventName> = z.output<(typeof clientEvents)[E]['reply']>
export type ServerEventName = keyof typeof serverEvents
export type ServerEvent<E extends ServerEventName> = z.output<(typeof serverEvents)[E]>

export type Result<T> = { ok: true; data: T } | { ok: false; error: ErrorBody }
export type Ack<T> = (result: Result<T>) => void

export type ClientToServer = {
  [E in ClientEventName]: (
    request: z.input<(typeof clientEvents)[E]['request']>,
    ack: Ack<ClientReply<E>>,
  ) => void
}
export type ServerToClient = { [E in ServerEventName]: (event: ServerEvent<E>) => void }

/** What a client says of itself when it connects. */
export const Handshake = z.object({
  token: z.string().max(8_192),
  deviceId: z.string().max(64).optional(),
  platform: z.string().max(32).optional(),
  appState: z.enum(['foreground', 'background']).optional(),
  protocolVersion: z.coerce.number().int().min(1).max(1).optional(),
})

/** WebSocket close codes. 44xx: do not come back as you are. 45xx: come back, after a random wait. */
export const closeCodes = {
  tokenExpired: 4401,
  forbidden: 4403,
  replaced: 4409,
  flood: 4429,
  internal: 4500,
  draining: 4503,
  slowConsumer: 4508,
} as const
