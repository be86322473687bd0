import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { groupIsFull, noSuchRequest, notAMember } from '../errors.ts'
import { may } from '../policies/rights.ts'
import { changeGroup } from './change-group.ts'
import { enter } from './invite.ts'
import * as requests from './requests-store.ts'
import * as store from './store.ts'

/** Lets somebody in who waits, or sends them away. Of two who answer at once, the second finds nothing. */
export async function answerRequest(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId, accept }: ClientRequest<'group:answer'>,
): Promise<ClientReply<'group:answer'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('answerRequests')
    if (!(await requests.removeRequests(group.trx, conversationId, [userId]))) throw noSuchRequest()
    if (!accept) return { result: {}, happened: [] }
    if ((await store.countMembers(group.trx, conversationId)) >= group.policy.maxMembers)
      throw groupIsFull(group.policy.maxMembers)
    const joined = await enter(group, [userId])
    const happened = joined.length > 0 ? [{ kind: 'joined', content: { userIds: joined } }] : []
    return { result: {}, happened, joined }
  })
}

/** A page of those who wait, for those who may answer them. */
export async function listRequests(
  { db, policies }: Pick<Context, 'db' | 'policies'>,
  actorId: UserId,
  { conversationId, after, limit }: ClientRequest<'group:requests'>,
): Promise<ClientReply<'group:requests'>> {
  const group = await store.findGroup(db, conversationId, actorId)
  const policy = group?.policy && policies.get(group.policy)
  if (!policy || !group.role || !may(policy, group.role, 'answerRequests')) throw notAMember()
  const rows = await requests.listRequests(db, conversationId, { after, limit })
  return {
    requests: rows.map(({ userId, displayName, greeting, invitedBy, createdAt }) => ({
      userId,
      displayName,
      ...(greeting === null ? {} : { greeting }),
      ...(invitedBy === null ? {} : { invitedBy }),
      createdAt: createdAt.toISOString(),
    })),
    complete: rows.length < limit,
  }
}
