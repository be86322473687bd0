import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { mayWrite } from '../conversations/may-write.ts'
import { silenced, tooManyReactions, wasRecalled } from '../errors.ts'
import { type ChangeContext, changeMessage } from './change-message.ts'
import * as store from './store.ts'

/** On one message, of everybody together. They are kept with it, so this bounds its row. */
const maxReactions = 500

/** Adds a reaction, or takes it back. Doing either twice is doing it once. */
export async function react(
  ctx: ChangeContext,
  actorId: UserId,
  { emoji, remove, ...target }: ClientRequest<'message:react'>,
): Promise<ClientReply<'message:react'>> {
  return changeMessage(ctx, actorId, target, async ({ trx, conversationId, message, member }) => {
    if (message.recalledAt) throw wasRecalled()
    if (!mayWrite(member)) throw silenced()
    const reactions = message.reactions ?? {}
    // An emoji is any text, also one that every object answers to.
    const users = (Object.hasOwn(reactions, emoji) ? reactions[emoji] : undefined) ?? []
    if (users.includes(actorId) !== remove) {
      const query = { conversationId, targetSeq: message.seq, kind: 'reaction', senderId: actorId }
      return { seq: await store.findLastChange(trx, query) }
    }
    if (!remove && Object.values(reactions).flat().length >= maxReactions)
      throw tooManyReactions(maxReactions)
    const { [emoji]: _, ...others } = reactions
    const left = remove ? users.filter((userId) => userId !== actorId) : [...users, actorId]
    const next = left.length > 0 ? { ...others, [emoji]: left } : others
    await store.setReactions(trx, conversationId, message.seq, next)
    return { kind: 'reaction', content: { emoji, ...(remove ? { remove } : {}) } }
  })
}
