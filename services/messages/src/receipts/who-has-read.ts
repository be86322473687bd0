import { messageIdOf, seqOfMessage, type UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { findMember } from '../conversations/store.ts'
import { noSuchMessage, notAMember, tooManyToAsk } from '../errors.ts'
import { listMarks } from './store.ts'

/** Beyond this a list of names says little, and costs much. */
const maxPeople = 200

/** Who has read a message, who only has it, and who has neither; the sender is left out. */
export async function whoHasRead(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { conversationId, messageId }: ClientRequest<'receipt:list'>,
): Promise<ClientReply<'receipt:list'>> {
  const seq = seqOfMessage(messageId)
  const member = await findMember(db, conversationId, userId)
  if (!member) throw notAMember()
  if (seq === undefined || messageId !== messageIdOf(conversationId, seq) || seq <= member.floorSeq)
    throw noSuchMessage()
  const marks = await listMarks(db, { conversationId, seq, limit: maxPeople + 1 })
  if (marks.length === 0) throw noSuchMessage()
  if (marks.length > maxPeople) throw tooManyToAsk(maxPeople)
  // Who came later does not have it to read.
  const others = marks.filter(({ isSender, joinedSeq }) => !isSender && joinedSeq < seq)
  const names = (some: typeof others) => some.map((mark) => mark.userId)
  // Who marked it unread after reading has read it all the same.
  const read = others.filter(({ readSeq, readByItself }) => readSeq >= seq || readByItself)
  const unread = others.filter((mark) => !read.includes(mark))
  const delivered = unread.filter(({ deliveredSeq }) => deliveredSeq >= seq)
  const pending = unread.filter(({ deliveredSeq }) => deliveredSeq < seq)
  return {
    read: names(read),
    delivered: names(delivered),
    pending: names(pending),
    asOf: new Date().toISOString(),
  }
}
