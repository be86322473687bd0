import { builtInSwitches, mediaIdOf } from '@parley/shared/content'
import { AppError } from '@parley/shared/errors'
import { type ConversationId, directConversationId, seqOfMessage } from '@parley/shared/ids'
import type { SendCall, Sent } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { noSelfChat, noSuchMessage } from '../errors.ts'
import { claimMedia } from '../media-access/claim-media.ts'
import type { PreparedSend } from './commit-batch.ts'
import { findSent } from './store.ts'

/** Sending the same draft twice returns the first message. The promise is kept only after the commit. */
export async function sendMessage(
  ctx: Pick<Context, 'committer' | 'db' | 'media'>,
  call: SendCall,
): Promise<Sent> {
  const send = prepare(call)
  const mediaId = mediaIdOf(call.draft)
  if (mediaId !== undefined) {
    // What a message says of its media comes from the media service, never from the sender.
    const facts = await claimMedia(ctx, call.userId, mediaId).catch((cause: unknown) => AppError.from(cause))
    if (facts instanceof AppError) {
      // A message that was sent is that message for ever, whatever has become of its media.
      const known = await findSent(ctx.db, send)
      if (known) return known
      throw facts
    }
    send.content = { ...call.draft.content, ...facts }
    send.mediaId = mediaId
  }
  return ctx.committer.commit(send)
}

/** Each send by itself: one that fails leaves the others alone. */
export function sendMessages(
  ctx: Pick<Context, 'committer' | 'db' | 'media'>,
  calls: SendCall[],
): Promise<(Sent | AppError)[]> {
  return Promise.all(
    calls.map((call) => sendMessage(ctx, call).catch((cause: unknown) => AppError.from(cause))),
  )
}

function prepare({ userId, draft }: SendCall): PreparedSend {
  const direct = 'userId' in draft.to ? draft.to.userId : null
  if (direct === userId) throw noSelfChat()
  const conversationId: ConversationId =
    'userId' in draft.to ? directConversationId(userId, draft.to.userId) : draft.to.conversationId
  const { replyTo = null } = draft
  if (replyTo !== null && !isMessageOf(conversationId, replyTo)) throw noSuchMessage()
  const { stored, counted, pushed, synced } = builtInSwitches(draft.type)
  const { switches } = draft
  return {
    conversationId,
    senderId: userId,
    directTo: direct,
    clientMessageId: draft.clientMessageId,
    type: draft.type,
    content: draft.content,
    digest: draft.digest ?? null,
    replyTo,
    mentions: draft.mentions ?? null,
    ext: draft.ext ?? null,
    mediaId: null,
    // A sender only ever switches off.
    stored: stored && switches?.stored !== false,
    counted: counted && switches?.counted !== false,
    pushed: pushed && switches?.pushed !== false,
    synced: synced && switches?.synced !== false,
    bySystem: false,
  }
}

const isMessageOf = (conversationId: string, messageId: string) =>
  seqOfMessage(messageId) !== undefined && messageId.startsWith(`${conversationId}.`)
