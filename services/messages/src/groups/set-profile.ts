import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { noSuchJoinBy } from '../errors.ts'
import { claimPicture } from '../media-access/claim-picture.ts'
import { changeGroup } from './change-group.ts'
import * as store from './store.ts'

/** Changes what a group says of itself; the entry in its log is what tells every member, on every device. */
export async function setProfile(
  ctx: Context,
  actorId: UserId,
  { conversationId, ...changes }: ClientRequest<'group:update'>,
): Promise<ClientReply<'group:update'>> {
  await claimPicture(ctx, actorId, changes.avatarUrl)
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    group.demand('changeProfile')
    const { conversation, policy, trx } = group
    if (changes.joinBy !== undefined && !policy.join.includes(changes.joinBy)) throw noSuchJoinBy(policy.join)
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
    await store.updateGroup(trx, conversationId, given)
    Object.assign(conversation, given)
    return {
      result: { seq: conversation.lastSeq + Number(conversation.stores) },
      happened: [{ kind: 'changed', content: given }],
    }
  })
}
