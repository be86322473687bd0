import { messageIdOf, seqOfMessage, type UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Context } from '../context.ts'
import { endAlertsOf } from '../deliveries/stale-store.ts'
import { noSuchMessage, notAMember } from '../errors.ts'
import * as store from './store.ts'

/** Deletes messages for one user: every read of theirs has them as `hidden` from here on. */
export async function hideMessages(
  { db, announcer, log, withdrawals }: Pick<Context, 'db' | 'announcer' | 'log' | 'withdrawals'>,
  userId: UserId,
  { conversationId, messageIds }: ClientRequest<'message:hide'>,
): Promise<ClientReply<'message:hide'>> {
  const seqs = messageIds.map((messageId) => {
    const seq = seqOfMessage(messageId)
    if (seq === undefined || messageId !== messageIdOf(conversationId, seq)) throw noSuchMessage()
    return seq
  })
  const alerted = await db.transaction().execute(async (trx) => {
    if (!(await store.holdMember(trx, conversationId, userId))) throw notAMember()
    const hidden = await store.hideEntries(trx, conversationId, userId, seqs)
    return endAlertsOf(trx, { conversationId, seqs: hidden, userId })
  })
  withdrawals.note(alerted)
  const text = encodeEvent('message:hidden', { conversationId, messageIds })
  announcer
    .ring([{ room: userRoom(userId), text }])
    .catch((err: unknown) => log.warn({ err }, 'hidden messages were not announced'))
  return {}
}
