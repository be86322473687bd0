import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notTheirMember } from '../errors.ts'
import { changeGroup } from './change-group.ts'
import * as store from './store.ts'

/** Makes a member an admin or an admin a member; the owner stays what they are. */
export async function appoint(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId, role }: ClientRequest<'group:appoint'>,
): Promise<ClientReply<'group:appoint'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('appointAdmins')
    const current = await store.findRole(group.trx, conversationId, userId)
    if (!current) throw notTheirMember()
    if (current === 'owner') throw notAllowed()
    if (current === role) return { result: {}, happened: [] }
    await store.updateMember(group.trx, conversationId, userId, { role })
    return { result: {}, happened: [{ kind: 'role-changed', content: { userIds: [userId], role } }] }
  })
}

/** Gives the group to another member, and leaves whoever owned it an ordinary one. */
export async function transfer(
  ctx: Context,
  actorId: UserId,
  { conversationId, userId }: ClientRequest<'group:transfer'>,
): Promise<ClientReply<'group:transfer'>> {
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('transfer')
    if (!(await store.findRole(group.trx, conversationId, userId))) throw notTheirMember()
    // Rules may let admins do this too.
    const ownerId = await store.findOwner(group.trx, conversationId)
    if (userId === ownerId) return { result: {}, happened: [] }
    if (ownerId !== undefined)
      await store.updateMember(group.trx, conversationId, ownerId, { role: 'member' })
    await store.updateMember(group.trx, conversationId, userId, { role: 'owner' })
    return { result: {}, happened: [{ kind: 'owner-changed', content: { userIds: [userId] } }] }
  })
}
