import { messageIdOf, seqOfMessage, type UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { endAlertsOf } from '../deliveries/stale-store.ts'
import { noSuchMessage, notAMember, tooManyMarked } from '../errors.ts'
import { markEach, maxMarked } from './mark-each.ts'
import { markedRing } from './marked-ring.ts'
import * as store from './store.ts'

/**
 * Marks messages read or unread by themselves, on all of a user's devices; the read watermark stays where it is (ADR
 * 31). Throws `forbidden` to who is no member, `not_found` if one of them is no message the user sees, and `conflict`
 * beyond the bound; nothing is kept then.
 */
export async function markMessages(
  { db, announcer, log, withdrawals }: Pick<Context, 'db' | 'announcer' | 'log' | 'withdrawals'>,
  userId: UserId,
  { conversationId, messageIds, read }: ClientRequest<'message:mark'>,
): Promise<ClientReply<'message:mark'>> {
  const seqs = new Set(
    messageIds.map((messageId) => {
      const seq = seqOfMessage(messageId)
      if (seq === undefined || messageId !== messageIdOf(conversationId, seq)) throw noSuchMessage()
      return seq
    }),
  )
  const done = await db.transaction().execute(async (trx) => {
    const member = await store.lockReading(trx, conversationId, userId)
    if (!member) throw notAMember()
    const messages = await store.listSeenMessages(trx, { conversationId, userId, seqs: [...seqs] })
    if (messages.length < seqs.size) throw noSuchMessage()
    const others = messages.filter(({ isOwn }) => !isOwn).map(({ seq }) => seq)
    const { changed, ...marked } = markEach(member, others, read)
    if (changed.length === 0) return undefined
    if (marked.readSeqs.length + marked.unreadSeqs.length > maxMarked) throw tooManyMarked(maxMarked)
    await store.setMarked(trx, conversationId, userId, marked)
    if (read) await endAlertsOf(trx, { conversationId, seqs: changed, userId })
    return { ...member, changed }
  })
  if (!done) return {}
  withdrawals.note([userId])
  const told = { conversationId, userId, read }
  const rings = [markedRing(userId, { ...told, seqs: done.changed })]
  // What is up to the watermark the other was told of, and who has read it stays.
  const news = done.changed.filter((seq) => seq > done.readSeq)
  const other = done.userIds?.find((it) => it !== userId)
  if (other !== undefined && news.length > 0) rings.push(markedRing(other, { ...told, seqs: news }))
  announcer.ring(rings).catch((err: unknown) => log.warn({ err }, 'marked messages were not announced'))
  return {}
}
