import { z } from 'zod'
import { checkContent, Content, everybody, jsonAtMost, MessageType, Switches } from './content.ts'
import { conversationEvents, ListedConversation, Settings, Watermarks } from './conversation-events.ts'
import { ClientSentAt, ConversationSummary, Entry, Seq, Timestamp } from './entry.ts'
import type { ErrorBody } from './errors.ts'
import { groupEvents } from './group-events.ts'
import { ConversationId, MessageId, UserId } from './ids.ts'
import { MediaObject } from './media.ts'
import { messageEvents } from './message-events.ts'
import { AppState, HeartbeatProfile, presenceEvents, presenceNews } from './presence-events.ts'
import { searchEvents } from './search-events.ts'

/**
 * `apns-voip` rings calls and nothing else; `fcm-fid` is a Firebase installation id, which takes the place of
 * registration tokens; the token of `webpush` is the subscription's endpoint.
 */
export const PushTokenKind = z.enum(['apns', 'apns-voip', 'fcm', 'fcm-fid', 'webpush', 'huawei'])
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
    /** User ids, or `@all`. */
    mentions: z
      .array(z.union([UserId, z.literal(everybody)]))
      .max(100)
      .optional(),
    /** What lists and alerts show of it, for types that do not say it themselves. */
    digest: z.string().trim().min(1).max(256).optional(),
    /** A sender may switch off what the type would do, and nothing on. */
    switches: Switches.partial().optional(),
    ext: Ext.optional(),
    clientSentAt: ClientSentAt.optional(),
  })
  .superRefine(checkContent)
export type MessageDraft = z.output<typeof MessageDraft>

export const Sent = z.object({
  messageId: z.string(),
  conversationId: z.string(),
  /** 0 if it is not kept. */
  seq: Seq,
  sentAt: Timestamp,
})

/** A conversation as one member has it, with the entries that member's device lacks. */
export const ConversationChange = ListedConversation.extend({
  /** Oldest first, after what the device knows; the newest ones if it knows nothing. */
  entries: z.array(Entry),
  /** False if entries between what the device knows and the first of `entries`, or after the last, are left to fetch. */
  complete: z.boolean(),
  /** What the user has deleted for themselves, the newest 1,000: a device that was away takes them out of what it keeps. */
  hiddenSeqs: z.array(Seq).optional(),
  /** Messages after the read watermark that the user has read by themselves; absent if there are none. */
  readSeqs: z.array(Seq).optional(),
  /** Messages up to the read watermark that the user has marked unread; absent if there are none. */
  unreadSeqs: z.array(Seq).optional(),
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
    /** The newest entries that were there before this time. */
    beforeTime: Timestamp.optional(),
    limit: pageLimit.default(50),
  })
  .refine(
    ({ after, before, beforeTime }) =>
      [after, before, beforeTime].filter((it) => it !== undefined).length <= 1,
    'one of after, before and beforeTime',
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
  /** Conversations the user is no longer in. */
  ended: z.array(
    z.object({
      conversationId: z.string(),
      reason: z.enum(['left', 'kicked', 'dissolved']),
      by: z.string(),
      note: z.string().optional(),
      endedAt: Timestamp,
    }),
  ),
  cursor: z.string(),
  complete: z.boolean(),
})
export type SyncPage = z.output<typeof SyncPage>

const Receipt = z.strictObject({ conversationId: ConversationId, seq: Seq })
/** Where the mark now stands. */
const Watermark = z.object({ seq: Seq })

/**
 * What a client may ask: the request it sends and the reply it is promised, over the socket, and over HTTP where a
 * route is given. A route's parameters and its query or body together are the request.
 */
export const clientEvents = {
  'message:send': {
    about:
      'Sends a message. The reply comes after it is stored; sending the same `clientMessageId` again gives the same reply.',
    http: { route: 'POST /v1/messages', status: 201 },
    request: MessageDraft,
    reply: Sent,
  },
  ...messageEvents,
  ...searchEvents,
  ...conversationEvents,
  ...groupEvents,
  'receipt:deliver': {
    about:
      'This device has everything up to `seq`. Send it at most once a second and conversation, with the highest.',
    http: { route: 'PUT /v1/conversations/:conversationId/receipts/delivered' },
    request: Receipt,
    reply: Watermark,
  },
  'receipt:read': {
    about: 'The user has read everything up to `seq`, on all devices.',
    http: { route: 'PUT /v1/conversations/:conversationId/receipts/read' },
    request: Receipt,
    reply: Watermark,
  },
  ...presenceEvents,
  'session:renew': {
    about:
      'Goes on with a fresh access token on the same socket. It is of the same user and device, and of a session that lives.',
    request: z.strictObject({ token: z.string().min(1).max(8_192) }),
    reply: z.object({ expiresAt: Timestamp }),
  },
  'log:read': {
    about: 'A page of a log, oldest first.',
    http: { route: 'GET /v1/conversations/:conversationId/entries' },
    request: LogQuery,
    reply: LogPage,
  },
  'log:sync': {
    about:
      'What changed since a cursor, by conversation, newest first. Ask again with the cursor until `complete`.',
    http: { route: 'GET /v1/sync' },
    request: SyncQuery,
    reply: SyncPage,
  },
} as const

/** What the server announces. Nobody answers these. */
export const serverEvents = {
  'entry:new': z
    .object({ entry: Entry, summary: ConversationSummary })
    .describe(
      'A doorbell: an entry was stored. Fetch what a jump in `seq` leaves out with `log:read`. What is heard while such a page is under way may be newer than that page: then fetch once more.',
    ),
  'message:passed': z
    .object({
      conversationId: z.string(),
      messageId: z.string(),
      clientMessageId: z.string(),
      senderId: z.string(),
      type: z.string(),
      content: z.record(z.string(), z.unknown()),
      sentAt: Timestamp,
      clientSentAt: z.string().optional(),
      ext: z.record(z.string(), z.unknown()).optional(),
    })
    .describe('A message that is not kept. It may come twice; whoever is not connected never gets it.'),
  'message:hidden': z
    .object({ conversationId: z.string(), messageIds: z.array(z.string()) })
    .describe('You deleted messages for yourself, on another device.'),
  'message:marked': z
    .object({
      conversationId: z.string(),
      userId: z.string(),
      messageIds: z.array(z.string()),
      read: z.boolean(),
    })
    .describe(
      'Messages were marked read or unread by themselves: told to the own devices, and to the other of a direct conversation what changes who has read.',
    ),
  'log:grown': z
    .object({ conversationId: z.string(), lastSeq: Seq })
    .describe(
      'A log has more than you may have heard, and each must read it with their own rights: `log:read`.',
    ),
  'conversation:ended': z
    .object({
      conversationId: z.string(),
      reason: z.enum(['left', 'kicked', 'dissolved']),
      by: z.string(),
      note: z.string().optional(),
    })
    .describe('You are no longer in a conversation, and why.'),
  'conversation:changed': z
    .object({ conversationId: z.string(), settings: Settings, watermarks: Watermarks })
    .describe('Another of your devices changed how you have a conversation.'),
  'receipt:moved': z
    .object({ conversationId: z.string(), userId: z.string(), kind: z.enum(['delivered', 'read']), seq: Seq })
    .describe(
      'A watermark moved: told to both people of a direct conversation, and of reading to the own devices. Reading takes away what was marked up to there.',
    ),
  'media:changed': MediaObject.describe(
    'An upload of the own went on: a stage of its processing began, or it is `ready` or `failed`. A hint; `GET /v1/media/:mediaId?format=json` tells the same.',
  ),
  'log:stale': z
    .object({ withinMs: z.int() })
    .describe('Doorbells may have been lost: sync within this time, at a moment of your own choice.'),
  ...presenceNews,
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
    .object({ reconnectAfterMs: z.int(), returnTicket: z.string().optional() })
    .describe(
      'This node is going away: come back after this time, with the ticket as `auth.returnTicket`, which lets you in before others. The socket closes with 4503.',
    ),
  'system:notice': z
    .object({ text: z.string(), at: Timestamp })
    .describe('A word of the operators to everybody who is connected, kept nowhere: a maintenance, say.'),
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
  appState: AppState.optional(),
  /** In the query, since it decides what answers. */
  heartbeat: HeartbeatProfile.optional(),
  protocolVersion: z.coerce.number().int().min(1).max(1).optional(),
  returnTicket: z.string().max(256).optional(),
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
