import { type ConversationId, type DeviceId, ownConversationId, type UserId } from '@parley/shared/ids'
import type { MessageDraft } from '@parley/shared/protocol'
import type { Sent } from '@parley/shared/rpc'
import type { TraceSpan } from '@parley/shared/tracing'
import type { Context } from '../context.ts'
import { accountSuspended, noSuchConversation, unknownUser } from '../errors.ts'
import { sendMessage } from '../messages/send-message.ts'
import { holdOwnLogs } from '../own-log/append-own.ts'
import * as store from './store.ts'
import { systemId } from './system.ts'

interface ServerSend {
  senderId?: UserId | undefined
  message: MessageDraft
  /** Whether it is stored although the sender may not write there. */
  override?: boolean
  /** Of which it is a part. */
  span?: TraceSpan | undefined
}

const deviceId = 'server' as DeviceId

/**
 * Sends for the operator, the way every message goes: the same checks of content, the same answer to the same
 * `clientMessageId` of the same sender. As a user it needs what the user would need; as the system nothing but a
 * conversation, where a person stands for the log that only they read.
 * Errors: `not_found`, `account_suspended`, and those of `message:send`.
 */
export async function sendFromServer(
  ctx: Context,
  { senderId, message, override = false, span }: ServerSend,
): Promise<Sent> {
  if (senderId === undefined) return sendAsSystem(ctx, message, span)
  const sender = await store.findUser(ctx.db, senderId)
  if (!sender) throw unknownUser()
  if (sender.suspendedAt && !override) throw accountSuspended()
  return sendMessage(
    ctx,
    { userId: senderId, deviceId, draft: message },
    { bySystem: override, byOperator: true, span },
  )
}

async function sendAsSystem(ctx: Context, message: MessageDraft, span: TraceSpan | undefined): Promise<Sent> {
  const conversationId =
    'userId' in message.to ? await openOwnLog(ctx, message.to.userId) : message.to.conversationId
  await demandConversation(ctx, conversationId)
  const draft = { ...message, to: { conversationId } }
  return sendMessage(ctx, { userId: systemId, deviceId, draft }, { bySystem: true, byOperator: true, span })
}

async function openOwnLog({ db }: Context, userId: UserId): Promise<ConversationId> {
  if (!(await store.findUser(db, userId))) throw unknownUser()
  await db.transaction().execute((trx) => holdOwnLogs(trx, [userId]))
  return ownConversationId(userId)
}

async function demandConversation({ db }: Context, conversationId: ConversationId): Promise<void> {
  const conversation = await store.findConversation(db, conversationId)
  if (!conversation || conversation.dissolvedAt) throw noSuchConversation()
}
