import type { Waiter } from '@parley/shared/batcher'
import { builtInSwitches, isBuiltIn, jsonAtMost, mediaIdOf } from '@parley/shared/content'
import { AppError } from '@parley/shared/errors'
import { type ConversationId, directConversationId, seqOfMessage } from '@parley/shared/ids'
import type { SendCall, Sent } from '@parley/shared/rpc'
import type { TraceSpan } from '@parley/shared/tracing'
import type { Context } from '../context.ts'
import { contentTooLarge, mediaNotKept, noSelfChat, noSuchMessage, unregisteredType } from '../errors.ts'
import { digestOf } from '../message-types/digest.ts'
import type { MessageType } from '../message-types/message-type.ts'
import type { PreparedSend } from './prepared-send.ts'
import { findSent } from './store.ts'

type SendContext = Pick<
  Context,
  'beforeSend' | 'committer' | 'config' | 'db' | 'media' | 'messageTypes' | 'tracing'
>

interface SendOptions {
  bySystem?: boolean
  byOperator?: boolean
  /** Of which it is a part. */
  span?: TraceSpan | undefined
}

/** Sending the same draft twice returns the first message. The promise is kept only after the commit. */
export async function sendMessage(
  ctx: SendContext,
  call: SendCall,
  { bySystem = false, byOperator = false, span }: SendOptions = {},
): Promise<Sent> {
  const registered = await ctx.messageTypes.find(call.draft.type)
  const send = prepare(call, { registered, bySystem })
  if (span) send.span = span
  const refused = refusalByType(ctx, call.draft, registered)
  if (refused) return sentBefore(ctx, send, refused)
  const mediaId = mediaIdOf(call.draft)
  if (mediaId !== undefined) {
    // The right to read media is asked of stored messages.
    if (!send.stored) return sentBefore(ctx, send, mediaNotKept())
    // What a message says of its media comes from the media service, never from the sender.
    const facts = await ctx.media
      .claim(call.userId, mediaId, span?.traceparent)
      .catch((cause: unknown) => AppError.from(cause))
    if (facts instanceof AppError) return sentBefore(ctx, send, facts)
    send.content = { ...call.draft.content, ...facts }
    send.mediaId = mediaId
  }
  const { beforeSend } = ctx
  // What the operator's own back end sends, it need not be asked about.
  if (!beforeSend || byOperator) return ctx.committer.commit(send)
  return beforeSend.storeIfAllowed(send, ctx.committer.commit)
}

/** Each send by itself: one that fails leaves the others alone. Those that ask nobody keep the order in which they are here. */
export function sendMessages(ctx: SendContext, calls: SendCall[]): Promise<(Sent | AppError)[]> {
  return new Promise((resolve) => {
    const results = Array.from<Sent | AppError>({ length: calls.length })
    let open = calls.length
    function settle(place: number, result: Sent | AppError): void {
      results[place] = result
      if (--open === 0) resolve(results)
    }
    for (const [place, call] of calls.entries()) {
      const span = ctx.tracing?.follow(call.trace, 'messages/send', { kind: 'server' })
      takeSend(ctx, call, span, {
        resolve(sent) {
          span?.end()
          settle(place, sent)
        },
        reject(cause) {
          span?.end(cause)
          settle(place, AppError.from(cause))
        },
      })
    }
    if (calls.length === 0) resolve(results)
  })
}

/** As `sendMessage`, without a chain of promises where nobody has to be asked: there are thousands of sends under way. */
function takeSend(ctx: SendContext, call: SendCall, span: TraceSpan | undefined, waiter: Waiter<Sent>): void {
  try {
    const registered = ctx.messageTypes.find(call.draft.type)
    const asks = ctx.beforeSend || registered instanceof Promise || mediaIdOf(call.draft) !== undefined
    if (!asks && !refusalByType(ctx, call.draft, registered)) {
      const send = prepare(call, { registered, bySystem: false })
      if (span) send.span = span
      return ctx.committer.take(send, waiter)
    }
  } catch (cause) {
    return waiter.reject(cause)
  }
  sendMessage(ctx, call, { span }).then(waiter.resolve, waiter.reject)
}

/** A message that was sent is that message for ever, whatever would be said of it now. */
async function sentBefore({ db }: SendContext, send: PreparedSend, refused: AppError): Promise<Sent> {
  const known = await findSent(db, send)
  if (known) return known
  throw refused
}

/** What the operator has said of an app's own types. */
function refusalByType(
  { config }: SendContext,
  { type, content }: SendCall['draft'],
  registered: MessageType | undefined,
): AppError | undefined {
  if (!registered)
    return config.unregisteredTypes === 'refuse' && !isBuiltIn(type) ? unregisteredType() : undefined
  const { maxBytes } = registered
  return maxBytes !== null && !jsonAtMost(maxBytes)(content) ? contentTooLarge(maxBytes) : undefined
}

function prepare(
  { userId, draft }: SendCall,
  { registered, bySystem }: { registered: MessageType | undefined; bySystem: boolean },
): PreparedSend {
  const direct = 'userId' in draft.to ? draft.to.userId : null
  if (direct === userId) throw noSelfChat()
  const conversationId: ConversationId =
    'userId' in draft.to ? directConversationId(userId, draft.to.userId) : draft.to.conversationId
  const { replyTo = null } = draft
  if (replyTo !== null && !isMessageOf(conversationId, replyTo)) throw noSuchMessage()
  const { stored, counted, pushed, synced } = registered?.switches ?? builtInSwitches(draft.type)
  const { switches } = draft
  return {
    conversationId,
    senderId: userId,
    directTo: direct,
    clientMessageId: draft.clientMessageId,
    type: draft.type,
    content: draft.content,
    digest: draft.digest ?? (registered ? digestOf(registered, draft.content) : null),
    replyTo,
    mentions: draft.mentions ?? null,
    ext: draft.ext ?? null,
    clientSentAt: draft.clientSentAt ?? null,
    mediaId: null,
    // A sender only ever switches off.
    stored: stored && switches?.stored !== false,
    counted: counted && switches?.counted !== false,
    pushed: pushed && switches?.pushed !== false,
    synced: synced && switches?.synced !== false,
    bySystem,
  }
}

const isMessageOf = (conversationId: string, messageId: string) =>
  seqOfMessage(messageId) !== undefined && messageId.startsWith(`${conversationId}.`)
