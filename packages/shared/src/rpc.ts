import { Client, Pool } from 'undici'
import { AppError, type ErrorBody } from './errors.ts'
import type { ConversationId, DeviceId, MediaId, SessionId, UserId } from './ids.ts'
import type { MediaFacts } from './media.ts'
import type { MessageDraft, PushTokenKind, ReceiptKind, SyncPage, SyncQuery } from './protocol.ts'
import type { EndReason, Replacement } from './realtime.ts'
import type { Identity } from './tokens.ts'
import { during, type Tracing } from './tracing.ts'

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
  results: ({ ok: true; data: T } | { ok: false; error: ErrorBody })[]
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

export interface DueQuery {
  conversationId: ConversationId
  firstSeq: number
  lastSeq: number
  userIds: UserId[]
  /** The job that asks: the right to alert with sound is given to one. */
  claim: string
}

export interface AgainQuery {
  conversationId: ConversationId
  seq: number
  userId: UserId
  deviceId: DeviceId
}

export interface DueDevices {
  /** Each once, however many are told of it in these words. */
  alerts: Alert[]
  /** A user's devices stand together, the one in use last first. */
  deliveries: DueDevice[]
}

export interface DueReply extends DueDevices {
  /** Users with further entries up to `lastSeq`; asked again once these are told, they come next. */
  more: UserId[]
  /** The moment it was true for, to be handed back with the report. */
  asOf: string
}

/** Where a device can be reached. */
export interface PushTarget {
  userId: UserId
  deviceId: DeviceId
  platform: string
  token: {
    kind: PushTokenKind
    value: string
    topic?: string
    environment: 'sandbox' | 'production'
    /** Of a Web Push subscription, in base64url: what payloads are encrypted to. */
    keys?: { p256dh: string; auth: string }
    updatedAt: string
  }
  /** The user's total unread. */
  badge: number
}

/** One device that is still to be told. */
export interface DueDevice extends PushTarget {
  /** Their places in `alerts` of the reply, oldest first. */
  alerts: number[]
  /** The job that asks had the right to sound for these before. Whether it used it, its ledger knows; if that does not, it may have. */
  again?: true
}

export interface Alert {
  messageId: string
  seq: number
  title: string
  body: string
  sentAt: string
  /** Whether the user may be disturbed: on one device, and only by one job. */
  audible: boolean
}

export interface PushReport {
  conversationId: ConversationId
  /** Of the reply these outcomes are about. */
  asOf: string
  /** All of a user's outcomes together. */
  outcomes: PushOutcome[]
}

export interface PushOutcome {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  seq: number
  /** `retry` is still open; the others are final. */
  result: 'accepted' | 'dropped-token' | 'refused' | 'retry'
  reason?: string
  /** With `dropped-token`: the token that is dead, and since when, so that a newer registration survives. */
  deadToken?: { value: string; since?: string }
  /** Present if the provider was asked just now, and not before. */
  attempt?: { audible: boolean; badge: number; providerId?: string }
}

export interface DeadToken {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  value: string
  /** ISO 8601. */
  since: string
}

/** One device whose alerts or badge are out of date. */
export interface Withdrawal extends PushTarget {
  /** Alerts up to here are to be taken down: they were read, or their conversation was left. */
  read: ReadMark[]
  /** Single messages whose alerts are to be taken down: they were recalled, hidden or read by themselves. */
  gone: string[]
  /** To be handed back with the report. */
  asOf: string
}

export interface ReadMark {
  conversationId: string
  seq: number
}

export interface WithdrawalOutcome {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  read: ReadMark[]
  gone?: string[]
  asOf?: string
  badge: number
  result: PushOutcome['result']
  deadToken?: PushOutcome['deadToken']
}

/** Of those in order so many are unanswered at most. */
export const callsInLine = 2

interface RpcOptions {
  baseUrl: string
  secret: string
  connections?: number
  tracing?: Tracing | undefined
}

interface CallOptions {
  deadlineMs?: number
  /** The `traceparent` of what asks, if its trace is recorded. */
  trace?: string | undefined
  /**
   * Arrives after the calls before it that said so, of which one may be unanswered. For what may be repeated: when the
   * connection is lost the first of them fails, and what follows is sent again.
   */
  inOrder?: boolean
}

export interface RpcClient extends AsyncDisposable {
  call<M extends keyof Rpc>(
    method: M,
    request: Rpc[M]['request'],
    options?: CallOptions,
  ): Promise<Rpc[M]['reply']>
}

interface AskOptions extends Pick<CallOptions, 'deadlineMs' | 'inOrder'> {
  traceparent: string | undefined
}

/** Calls to one instance of a service. What its handler throws is thrown here again, with its code. */
export function openRpc({ baseUrl, secret, connections = 16, tracing }: RpcOptions): RpcClient {
  const settings = { keepAliveTimeout: 30_000, connect: { timeout: 2_000 } }
  const pool = new Pool(baseUrl, { ...settings, connections, pipelining: 1 })
  /** One connection, in which a call follows another before that is answered (RFC 9112, 9.3.2). */
  const line = new Client(baseUrl, { ...settings, pipelining: callsInLine })
  /** An answer that breaks off half-way is none. */
  async function ask(
    path: string,
    text: string,
    { deadlineMs = 10_000, inOrder = false, traceparent }: AskOptions,
  ) {
    const { statusCode, body } = await (inOrder ? line : pool).request({
      method: 'POST',
      path,
      idempotent: inOrder,
      blocking: !inOrder,
      headers: {
        'content-type': 'application/json',
        'x-parley-internal': secret,
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: text,
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
    })
    return { status: statusCode, body: await body.json() }
  }
  return {
    call(method, request, { trace, ...options } = {}) {
      const span = tracing?.follow(trace, method, { kind: 'client' })
      return during(span, async () => {
        const asked = ask(`/rpc/${method}`, JSON.stringify(request), {
          ...options,
          traceparent: span?.traceparent,
        })
        const { status, body } = await asked.catch((cause: unknown) => {
          throw new AppError('unavailable', 'a service cannot be reached', { cause, retryAfterMs: 500 })
        })
        if (status >= 400) throw AppError.fromBody((body as { error: ErrorBody }).error)
        return body as never
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.destroy(), line.destroy()])
    },
  }
}

/** A batch's results as its batcher wants them: values and errors, in order. */
export function fromBatchReply<T>({ results }: BatchReply<T>): (T | AppError)[] {
  return results.map((result) => (result.ok ? result.data : AppError.fromBody(result.error)))
}

export function toBatchReply<T>(results: (T | AppError)[]): BatchReply<T> {
  return {
    results: results.map((result) =>
      result instanceof AppError ? { ok: false, error: result.toJSON() } : { ok: true, data: result },
    ),
  }
}
