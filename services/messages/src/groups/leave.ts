import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { systemId } from '../server-api/system.ts'
import { changeGroup, type GroupChange, type HeldGroup } from './change-group.ts'
import * as store from './store.ts'

/** Leaves a group. An owner who may leave passes it on to the admin, else the member, who has been in it longest. */
export async function leave(
  ctx: Context,
  actorId: UserId,
  { conversationId }: ClientRequest<'group:leave'>,
): Promise<ClientReply<'group:leave'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('quit')
    const passed = group.role === 'owner' ? await passOn(group) : []
    return {
      result: {},
      happened: [...passed, { kind: 'left', content: { userIds: [actorId] } }],
      ended: { userIds: [actorId], reason: 'left', note: null },
    }
  })
}

/** Takes somebody out of a group who is no more, whatever its rules say of leaving. */
export async function withdraw(ctx: Context, userId: UserId, conversationId: ConversationId): Promise<void> {
  await changeGroup(ctx, { actorId: systemId, conversationId }, async (group) => {
    const role = await store.findRole(group.trx, conversationId, userId)
    if (!role) return { result: {}, happened: [] }
    const passed = role === 'owner' ? await passOn({ ...group, actorId: userId }) : []
    return {
      result: {},
      happened: [...passed, { kind: 'left', content: { userIds: [userId] } }],
      ended: { userIds: [userId], reason: 'left', note: null },
    }
  })
}

/** Of the last member nobody is left to own it. */
async function passOn({
  trx,
  conversation: { conversationId },
  policy,
  actorId,
}: HeldGroup): Promise<GroupChange<unknown>['happened']> {
  if (!policy.hasOwner || policy.ownerQuits === 'leaves-none') return []
  const userId = await store.findSenior(trx, conversationId, actorId)
  if (userId === undefined) return []
  await store.updateMember(trx, conversationId, userId, { role: 'owner' })
  return [{ kind: 'owner-changed', content: { userIds: [userId] } }]
}

/** Ends a group for everybody in it. */
export async function dissolve(
  ctx: Context,
  actorId: UserId,
  { conversationId }: ClientRequest<'group:dissolve'>,
): Promise<ClientReply<'group:dissolve'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('dissolve')
    await store.updateGroup(group.trx, conversationId, { dissolvedAt: new Date() })
    return {
      result: {},
      happened: [{ kind: 'dissolved', content: {} }],
      ended: { userIds: 'all', reason: 'dissolved', note: null },
    }
  })
}
