import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notAMember } from '../errors.ts'
import type { PersonResult } from './admit.ts'
import { changeGroup } from './change-group.ts'
import * as requests from './requests-store.ts'
import * as store from './store.ts'

/** Removes those whom the actor's role may remove; each has a result. */
export async function kick(
  ctx: Context,
  actorId: UserId,
  { conversationId, userIds, reason }: ClientRequest<'group:kick'>,
): Promise<ClientReply<'group:kick'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    if (!group.role) throw notAMember()
    if (!group.policy.kick[group.role]) throw notAllowed()
    const named = [...new Set<string>(userIds)]
    const roles = await store.listRoles(group.trx, conversationId, named)
    const results = named.map((userId): PersonResult => {
      const role = roles.get(userId)
      if (!role) return { userId, result: 'refused', reason: 'not-a-member' }
      return group.mayTo('kick', role)
        ? { userId, result: 'done' }
        : { userId, result: 'refused', reason: 'not-allowed' }
    })
    const kicked = results.flatMap(({ userId, result }) => (result === 'done' ? [userId] : []))
    if (kicked.length === 0) return { result: { results }, happened: [] }
    const note = reason ?? null
    const expulsions = kicked.map((userId) => ({ conversationId, userId, expelledBy: actorId, reason: note }))
    await requests.insertExpulsions(group.trx, expulsions)
    const content = { userIds: kicked, ...(reason === undefined ? {} : { reason }) }
    return {
      result: { results },
      happened: [{ kind: 'kicked', content }],
      ended: { userIds: kicked, reason: 'kicked', note },
    }
  })
}

/** Lets somebody who was kicked come back by themselves. */
export async function pardon(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId }: ClientRequest<'group:pardon'>,
): Promise<ClientReply<'group:pardon'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    // They are nobody now; who could remove a member may take it back.
    if (!group.mayTo('kick', 'member')) throw group.role ? notAllowed() : notAMember()
    await requests.removeExpulsions(group.trx, conversationId, [userId])
    return { result: {}, happened: [] }
  })
}
