import { z } from 'zod'
import { type ErrorCode, catalogue } from '../errors.ts'
import { ConversationId, DeviceId, MediaId, SessionId, UserId } from '../ids.ts'
import { MediaFacts } from '../media.ts'
import { MessageDraft, PushTokenKind, SyncPage, SyncQuery } from '../protocol.ts'
import type { GatewayOrder } from '../realtime.ts'
import type { Rpc } from '../rpc.ts'

const ErrorBody = z.object({
  code: z.enum(Object.keys(catalogue) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retryable: z.boolean(),
  retryAfterMs: z.number().exactOptional(),
  everywhere: z.boolean().exactOptional(),
})
const batch = <T extends z.ZodType>(data: T) =>
  z.object({
    results: z.array(
      z.union([
        z.object({ ok: z.literal(true), data }),
        z.object({ ok: z.literal(false), error: ErrorBody }),
      ]),
    ),
  })
const nothing: z.ZodType<object> = z.looseObject({})
const text = z.string()
const count = z.number()
const watermark = z.object({ seq: count })

const Caller = z.object({
  userId: UserId,
  deviceId: DeviceId,
  sessionId: SessionId,
  platform: text,
  operatorToken: z.object({ issuedAt: z.int(), expiresAt: z.int(), displayName: text.optional() }).optional(),
  address: text.exactOptional(),
})
const EndReason = z.enum(['revoked', 'replaced', 'suspended'])
const Replacement = z.object({
  deviceId: text,
  platform: text,
  address: text.optional(),
  at: text,
})
const PushTarget = z.object({
  userId: UserId,
  deviceId: DeviceId,
  platform: text,
  token: z.object({
    kind: PushTokenKind,
    value: text,
    topic: text.exactOptional(),
    environment: z.enum(['sandbox', 'production']),
    keys: z.object({ p256dh: text, auth: text }).exactOptional(),
    updatedAt: text,
  }),
  badge: count,
})
const Alert = z.object({
  messageId: text,
  seq: count,
  title: text,
  body: text,
  sentAt: text,
  audible: z.boolean(),
})
const DueDevice = PushTarget.extend({ alerts: z.array(count), again: z.literal(true).exactOptional() })
const PushResult = z.enum(['accepted', 'dropped-token', 'refused', 'retry'])
const DeadToken = z.object({ value: text, since: text.exactOptional() })
const ReadMarks = z.array(z.object({ conversationId: text, seq: count }))

/** What services ask of each other, as schemas: nothing parses by them, but releases are compared by them. */
export const rpcSchemas = {
  'messages/send': {
    request: z.object({
      sends: z.array(
        z.object({ userId: UserId, deviceId: DeviceId, draft: MessageDraft, trace: text.exactOptional() }),
      ),
    }),
    reply: batch(z.object({ messageId: text, conversationId: text, seq: count, sentAt: text })),
  },
  'receipts/mark': {
    request: z.object({
      marks: z.array(
        z.object({
          userId: UserId,
          conversationId: ConversationId,
          kind: z.enum(['delivered', 'read']),
          seq: count,
        }),
      ),
    }),
    reply: batch(watermark),
  },
  'events/ask': {
    request: z.object({ identity: Caller, event: text, request: z.unknown() }),
    reply: z.unknown(),
  },
  'sessions/open': {
    request: z.object({ sessions: z.array(Caller) }),
    reply: batch(z.object({ conversationIds: z.array(ConversationId) })),
  },
  'groups/standing': {
    request: z.object({
      asks: z.array(z.object({ conversationId: ConversationId, userIds: z.array(UserId) })),
    }),
    reply: batch(z.object({ lastSeq: count, memberIds: z.array(UserId) })),
  },
  'sessions/ended': {
    request: z.object({ sessionIds: z.array(SessionId) }),
    reply: z.object({
      ended: z.array(z.object({ sessionId: SessionId, reason: EndReason, by: Replacement.exactOptional() })),
    }),
  },
  'log/returns': {
    request: z.object({ asks: z.array(z.object({ userId: UserId, query: SyncQuery })) }),
    reply: batch(z.object({ page: SyncPage.exactOptional() })),
  },
  'typing/audience': {
    request: z.object({ asks: z.array(z.object({ userId: UserId, conversationId: ConversationId })) }),
    reply: batch(z.object({ room: text.exactOptional() })),
  },
  'presence/visible': {
    request: z.object({ asks: z.array(z.object({ userId: UserId, otherIds: z.array(UserId) })) }),
    reply: batch(
      z.object({ visible: z.array(z.object({ userId: text, lastSeenAt: text.exactOptional() })) }),
    ),
  },
  'presence/seen': {
    request: z.object({ seen: z.array(z.object({ userId: UserId, at: text })) }),
    reply: nothing,
  },
  'deliveries/due': {
    request: z.object({
      conversationId: ConversationId,
      firstSeq: count,
      lastSeq: count,
      userIds: z.array(UserId),
      claim: text,
    }),
    reply: z.object({
      alerts: z.array(Alert),
      deliveries: z.array(DueDevice),
      more: z.array(UserId),
      asOf: text,
    }),
  },
  'deliveries/again': {
    request: z.object({ conversationId: ConversationId, seq: count, userId: UserId, deviceId: DeviceId }),
    reply: z.object({ alerts: z.array(Alert), deliveries: z.array(DueDevice) }),
  },
  'deliveries/report': {
    request: z.object({
      conversationId: ConversationId,
      asOf: text,
      outcomes: z.array(
        z.object({
          userId: UserId,
          deviceId: DeviceId,
          kind: PushTokenKind,
          seq: count,
          result: PushResult,
          reason: text.exactOptional(),
          deadToken: DeadToken.exactOptional(),
          attempt: z
            .object({ audible: z.boolean(), badge: count, providerId: text.exactOptional() })
            .exactOptional(),
        }),
      ),
    }),
    reply: nothing,
  },
  'withdrawals/due': {
    request: z.object({ userIds: z.array(UserId), conversationId: ConversationId.optional() }),
    reply: z.object({
      withdrawals: z.array(PushTarget.extend({ read: ReadMarks, gone: z.array(text), asOf: text })),
    }),
  },
  'withdrawals/report': {
    request: z.object({
      outcomes: z.array(
        z.object({
          userId: UserId,
          deviceId: DeviceId,
          kind: PushTokenKind,
          read: ReadMarks,
          gone: z.array(text).exactOptional(),
          asOf: text.exactOptional(),
          badge: count,
          result: PushResult,
          deadToken: DeadToken.optional(),
        }),
      ),
    }),
    reply: nothing,
  },
  'calls/targets': {
    request: z.object({ userIds: z.array(UserId) }),
    reply: z.object({ targets: z.array(PushTarget) }),
  },
  'push-tokens/list': {
    request: z.object({ userId: UserId, deviceId: DeviceId.optional() }),
    reply: z.object({ targets: z.array(PushTarget) }),
  },
  'push-tokens/forget': {
    request: z.object({
      tokens: z.array(
        z.object({ userId: UserId, deviceId: DeviceId, kind: PushTokenKind, value: text, since: text }),
      ),
    }),
    reply: nothing,
  },
  'media-access/check': {
    request: z.object({ userId: UserId, mediaId: MediaId }),
    reply: z.object({ visible: z.boolean() }),
  },
  'media-access/picture': {
    request: z.object({
      askedBy: UserId,
      of: z.union([z.object({ userId: UserId }), z.object({ conversationId: ConversationId })]),
    }),
    reply: z.object({ shown: z.object({ picture: text.nullable() }).exactOptional() }),
  },
  'media-access/needed': {
    request: z.object({ mediaIds: z.array(MediaId), sentAfter: text.optional() }),
    reply: z.object({ needed: z.array(MediaId) }),
  },
  'media/claim': {
    request: z.object({ claims: z.array(z.object({ userId: UserId, mediaId: MediaId })) }),
    reply: batch(MediaFacts),
  },
} satisfies { [M in keyof Rpc]: { request: z.ZodType; reply: z.ZodType } }

export const GatewayOrderSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('join'),
    userIds: z.array(UserId),
    conversationId: ConversationId,
    lastSeq: count,
  }),
  z.object({ kind: z.literal('leave'), userIds: z.array(UserId), conversationId: ConversationId }),
  z.object({ kind: z.literal('close-room'), conversationId: ConversationId }),
  z.object({ kind: z.literal('recheck-presence'), userIds: z.array(UserId) }),
  z.object({
    kind: z.literal('end-sessions'),
    sessionIds: z.array(SessionId),
    reason: EndReason,
    by: Replacement.exactOptional(),
  }),
])

// The compiler sees to it that these say what the types say that both ends are written by.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : ['lacks', B]) : ['differs', A, B]
type Schemas = typeof rpcSchemas
type Compared = {
  [M in keyof Rpc]: [
    Same<z.output<Schemas[M]['request']>, Rpc[M]['request']>,
    Same<z.output<Schemas[M]['reply']>, Rpc[M]['reply']>,
  ]
}
type AllSame = { [M in keyof Rpc]: [true, true] }
null as unknown as Compared satisfies AllSame
true satisfies Same<z.output<typeof GatewayOrderSchema>, GatewayOrder>
