import type {
  AgainQuery,
  DeadToken,
  DueDevices,
  DueQuery,
  DueReply,
  PushReport,
  PushTarget,
  Withdrawal,
  WithdrawalOutcome,
} from './delivery.ts'
import { AppError, type InternalErrorBody } from './errors.ts'
import type { ConversationId, DeviceId, MediaId, SessionId, UserId } from './ids.ts'
import type { MediaFacts } from './media.ts'
import type { MessageDraft, ReceiptKind, SyncPage, SyncQuery } from './protocol.ts'
import type { EndReason, Replacement } from './realtime.ts'
import type { Identity } from './tokens.ts'

/**
 * What services ask of each other on their internal ports: `POST /rpc/<method>`, JSON both ways.
 * Both ends are ours and show a secret, and what came from outside was parsed at the edge it came in by;
 * so these are types, checked at compile time, and not parsed a second time. A batch answers in order, and
 * one item's failure is that item's alone.
 */
export interface Rpc {
  /** messages: commit a batch of sends. */
  'messages/send': { request: { sends: SendCall[] }; reply: BatchReply<Sent> }
  /** messages: move delivered and read watermarks forward. */
  'receipts/mark': { request: { marks: MarkCall[] }; reply: BatchReply<{ seq: number }> }
  /** messages: any other client event, by its name in the protocol table. */
  'events/ask': { request: { identity: Caller; event: string; request: unknown }; reply: unknown }
  /** messages: whether sessions may connect, and the conversations each is to hear. */
  'sessions/open': {
    request: { sessions: Caller[] }
    reply: BatchReply<OpenedSession>
  }
  /** messages: who of these users is in a group, and how far its log goes. */
  'groups/standing': { request: { asks: StandingAsk[] }; reply: BatchReply<Standing> }
  /** messages: which of these sessions have ended, and how. */
  'sessions/ended': { request: { sessionIds: SessionId[] }; reply: { ended: EndedSession[] } }
  /** messages: the first pages of devices that come back; one without a page asks alone, with `events/ask`. */
  'log/returns': { request: { asks: ReturnAsk[] }; reply: BatchReply<{ page?: SyncPage }> }
  /** messages: who hears that these users type, if they may write there. */
  'typing/audience': { request: { asks: TypingAsk[] }; reply: BatchReply<TypingAudience> }
  /** messages: which users may see that which others are there, and when those were last. */
  'presence/visible': { request: { asks: VisibleAsk[] }; reply: BatchReply<{ visible: VisibleUser[] }> }
  /** messages: when users left. */
  'presence/seen': { request: { seen: { userId: UserId; at: string }[] }; reply: object }
  /** messages: who is still to be told of these entries, and where. */
  'deliveries/due': { request: DueQuery; reply: DueReply }
  /** messages: what a device is still to be told of one entry whose push was given up; nothing if it need not be. */
  'deliveries/again': { request: AgainQuery; reply: DueDevices }
  /** messages: what became of each push. */
  'deliveries/report': { request: PushReport; reply: object }
  /** messages: the devices whose alerts and badges are out of date. */
  'withdrawals/due': {
    request: { userIds: UserId[]; conversationId?: ConversationId | undefined }
    reply: { withdrawals: Withdrawal[] }
  }
  /** messages: what became of withdrawals. */
  'withdrawals/report': { request: { outcomes: WithdrawalOutcome[] }; reply: object }
  /** messages: where these people's devices can be rung, one token each. */
  'calls/targets': { request: { userIds: UserId[] }; reply: { targets: PushTarget[] } }
  /** messages: every push token of a user, or of one device, at most 100. */
  'push-tokens/list': {
    request: { userId: UserId; deviceId?: DeviceId | undefined }
    reply: { targets: PushTarget[] }
  }
  /** messages: forget tokens a provider called dead, unless they were registered again since. */
  'push-tokens/forget': { request: { tokens: DeadToken[] }; reply: object }
  /** messages: whether a user may see a media object, in a message, a profile or a group. */
  'media-access/check': { request: { userId: UserId; mediaId: MediaId }; reply: { visible: boolean } }
  /** messages: what a user or a group shows for a picture; nothing if whoever asks does not see them. */
  'media-access/picture': {
    request: { askedBy: UserId; of: PictureOf }
    reply: { shown?: { picture: string | null } }
  }
  /** messages: which media something still shows somebody. Messages sent before `sentAfter` do not count. */
  'media-access/needed': {
    request: { mediaIds: MediaId[]; sentAfter?: string | undefined }
    reply: { needed: MediaId[] }
  }
  /** media: the facts of media a user wants to refer to, which is kept for it; refused unless ready and seen by them. */
  'media/claim': {
    request: { claims: { userId: UserId; mediaId: MediaId }[] }
    reply: BatchReply<MediaFacts>
  }
}

export type PictureOf = { userId: UserId } | { conversationId: ConversationId }

export interface BatchReply<T> {
  results: ({ ok: true; data: T } | { ok: false; error: InternalErrorBody })[]
}

/** The part of an identity that travels between services. */
export type Caller = Pick<Identity, 'userId' | 'deviceId' | 'sessionId' | 'platform' | 'operatorToken'> & {
  /** Where the device is, as far as the asking service knows. */
  address?: string
}

export interface EndedSession {
  sessionId: SessionId
  reason: EndReason
  by?: Replacement
}

export interface SendCall {
  userId: UserId
  deviceId: DeviceId
  draft: MessageDraft
  /** W3C `traceparent`, if its trace is recorded. */
  trace?: string
}

export interface Sent {
  messageId: string
  conversationId: string
  seq: number
  /** ISO 8601. */
  sentAt: string
}

/** The groups a session's user is to hear. */
export interface OpenedSession {
  conversationIds: ConversationId[]
}

export interface StandingAsk {
  conversationId: ConversationId
  userIds: UserId[]
}

export interface Standing {
  /** 0 where nothing is kept, or there is no such group. */
  lastSeq: number
  memberIds: UserId[]
}

export interface MarkCall {
  userId: UserId
  conversationId: ConversationId
  kind: ReceiptKind
  seq: number
}

export interface ReturnAsk {
  userId: UserId
  query: SyncQuery
}

export interface TypingAsk {
  userId: UserId
  conversationId: ConversationId
}

export interface TypingAudience {
  /** Absent where nobody is told. */
  room?: string
}

export interface VisibleAsk {
  userId: UserId
  otherIds: UserId[]
}

export interface VisibleUser {
  userId: string
  lastSeenAt?: string
}

/** A batch's results as its batcher wants them: values and errors, in order. */
export function fromBatchReply<T>({ results }: BatchReply<T>): (T | AppError)[] {
  return results.map((result) => (result.ok ? result.data : AppError.fromBody(result.error)))
}

export function toBatchReply<T>(results: (T | AppError)[]): BatchReply<T> {
  return {
    results: results.map((result) =>
      result instanceof AppError ? { ok: false, error: result.toInternal() } : { ok: true, data: result },
    ),
  }
}
