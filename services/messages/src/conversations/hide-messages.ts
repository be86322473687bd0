import { messageIdOf, seqOfMessage, type UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Context } from '../context.ts'
import { noSuchMessage, notAMember } from '../errors.ts'
import * as store from './store.ts'

/** Deletes messages for one user: every read of theirs has them as `hidden` from here on. */
export async function hideMessages(
  { db, announcer, log }: Pick<Context, 'db' | 'announcer' | 'log'>,
  userId: UserId,
  { conversationId, messageIds }: ClientRequest<'message:hide'>,
): Promise<ClientReply<'message:hide'>> {
  const seqs = messageIds.map((messageId) => {
    const seq = seqOfMessage(messageId)
    if (seq === undefined || messageId !== messageIdOf(conversationId, seq)) throw noSuchMessage()
    return seq
  })
  await db.transaction().execute(async (trx) => {
    if (!(await store.findMember(trx, conversationId, userId))) throw notAMember()
    await store.hideEntries(trx, conversationId, userId, seqs)
  })
  const text = encodeEvent('message:hidden', { conversationId, messageIds })
  announcer
    .ring([{ room: userRoom(userId), text }])
    .catch((err: unknown) => log.warn({ err }, 'hidden messages were not announced'))
  return {}
}
