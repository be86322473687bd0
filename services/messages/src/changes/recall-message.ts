import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { endAlertsOf } from '../deliveries/stale-store.ts'
import { notAllowed, tooLate } from '../errors.ts'
import { mayTo } from '../policies/rights.ts'
import { isSystem } from '../server-api/system.ts'
import { type ChangeContext, changeMessage, type HeldMessage, isWithin } from './change-message.ts'
import * as store from './store.ts'

/**
 * Takes a message back for everybody. One's own within the time the rules give; whoever may take back those of
 * others is held to no time, with their own neither. A sender who has left counts as an ordinary member.
 */
export async function recallMessage(
  ctx: ChangeContext,
  actorId: UserId,
  target: ClientRequest<'message:recall'>,
): Promise<ClientReply<'message:recall'>> {
  return changeMessage(ctx, actorId, target, async (held) => {
    const { trx, conversationId, message } = held
    const isOwn = message.senderId === actorId
    if (!isOwn && !(await mayRecallOf(held))) throw notAllowed()
    if (message.recalledAt) {
      const targetSeq = message.seq
      return { seq: await store.findLastChange(trx, { conversationId, targetSeq, kind: 'recall' }) }
    }
    const isInTime = isWithin(held, 'recallWithinSeconds', ctx.config.direct.recallWithinSeconds)
    if (isOwn && !isInTime && !isModerator(held)) throw tooLate()
    await store.recallMessage(trx, conversationId, message.seq)
    const alerted = await endAlertsOf(trx, { conversationId, seqs: [message.seq] })
    return { kind: 'recall', content: {}, alerted }
  })
}

async function mayRecallOf({ actorId, policy, member, message, roleOf }: HeldMessage): Promise<boolean> {
  if (isSystem(actorId)) return true
  if (!policy) return false
  return mayTo(policy, member.role, 'recallOthers', (await roleOf(message.senderId)) ?? 'member')
}

const isModerator = ({ actorId, policy, member }: HeldMessage) =>
  isSystem(actorId) || (policy !== undefined && mayTo(policy, member.role, 'recallOthers', 'member'))
