import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { groupIsFull, notAMember, tooManyGroups } from '../errors.ts'
import { toSummary } from '../log/entry.ts'
import { admit } from './admit.ts'
import { changeGroup, type HeldGroup } from './change-group.ts'
import { enter } from './invite.ts'
import { maxGroupsPerUser, maxRequestsPerGroup } from './limits.ts'
import * as requests from './requests-store.ts'
import * as store from './store.ts'

/**
 * Comes into a group by oneself, at once or after an approval, as the group chose. One that is open by invitation
 * only, one from which the user was kicked, and one that does not exist give the same answer.
 */
export async function join(
  ctx: Context,
  actorId: UserId,
  { conversationId, greeting }: ClientRequest<'group:join'>,
): Promise<ClientReply<'group:join'>> {
  const { admitted } = await admit(ctx, [actorId])
  if (admitted.length === 0) throw tooManyGroups(maxGroupsPerUser)
  return changeGroup<ClientReply<'group:join'>>(ctx, { actorId, conversationId }, async (group) => {
    const { conversation, role, trx } = group
    const standing = toSummary(conversation, conversation.lastSeq)
    if (role) return { result: { result: 'already', summary: standing }, happened: [] }
    await demandOpen(group)
    if (conversation.joinBy === 'approval') {
      const waiting = await requests.countRequests(trx, conversationId)
      if (waiting >= maxRequestsPerGroup) throw groupIsFull(maxRequestsPerGroup)
      const request = { conversationId, userId: actorId, invitedBy: null, greeting: greeting ?? null }
      await requests.insertRequests(trx, [request])
      return { result: { result: 'pending', summary: standing }, happened: [] }
    }
    if ((await store.countMembers(trx, conversationId)) >= group.policy.maxMembers)
      throw groupIsFull(group.policy.maxMembers)
    const joined = await enter(group, [actorId])
    const summary = toSummary(conversation, conversation.lastSeq + Number(conversation.stores))
    const happened = [{ kind: 'joined', content: { userIds: joined } }]
    return { result: { result: 'done', summary }, happened, joined }
  })
}

async function demandOpen({ trx, conversation, policy, actorId }: HeldGroup): Promise<void> {
  if (conversation.joinBy === 'invitation') throw notAMember()
  if (policy.kickedMayReturn) return
  if (await requests.isExpelled(trx, conversation.conversationId, actorId)) throw notAMember()
}
