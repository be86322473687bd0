import type { ConversationSummary } from '@parley/shared/entry'
import { type ConversationId, newGroupId, type UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import type { Role } from '../db/schema.ts'
import {
  conversationIdTaken,
  groupIsFull,
  noAdminsHere,
  noInvitations,
  noSuchJoinBy,
  noSuchPolicy,
  tooManyGroups,
} from '../errors.ts'
import { appendEntry } from '../log/append.ts'
import { toSummary } from '../log/entry.ts'
import { claimPicture } from '../media-access/claim-picture.ts'
import type { Policy } from '../policies/policy.ts'
import { creatorRole } from '../policies/rights.ts'
import { admit } from './admit.ts'
import { announceChange } from './change-group.ts'
import { maxGroupsPerUser } from './limits.ts'
import * as store from './store.ts'

type Draft = ClientRequest<'group:create'>

/**
 * A group of its creator, who has the highest role that its rules know, and those of the named users who exist. Done
 * again under the same id by the same user, as after a lost answer, it is the group that is there.
 */
export async function createGroup(
  ctx: Context,
  creatorId: UserId,
  draft: Draft,
): Promise<ClientReply<'group:create'>> {
  const policy = ctx.policies.get(draft.policy)
  if (!policy) throw noSuchPolicy()
  checkDraft(policy, draft)
  await claimPicture(ctx, creatorId, draft.avatarUrl)
  const conversationId = draft.conversationId ?? newGroupId()
  const named = new Set<string>([...draft.userIds, ...draft.adminIds])
  named.delete(creatorId)
  const { admitted, refused } = await admit(ctx, [creatorId, ...named])
  if (!admitted.includes(creatorId)) throw tooManyGroups(maxGroupsPerUser)
  const members = admitted.map((userId) => ({
    userId,
    role: userId === creatorId ? creatorRole(policy) : roleOf(userId, draft),
  }))

  const group = toNewGroup(conversationId, creatorId, policy, draft)
  const appended = await ctx.db.transaction().execute(async (trx) => {
    if (!(await store.insertGroup(trx, group))) return undefined
    await store.insertMembers(trx, conversationId, members, { joinedSeq: 0, readSeq: 0 })
    if (!policy.stores) return []
    const content = { name: draft.name, userIds: admitted }
    const happening = { conversationId, senderId: creatorId, kind: 'created', type: 'group.created', content }
    return [await appendEntry(trx, happening, { isActivity: true, changesMembers: true })]
  })

  const done = admitted.filter((userId) => userId !== creatorId)
  const results = [...done.map((userId) => ({ userId, result: 'done' as const })), ...refused]
  if (!appended) return { summary: await summaryOfOwn(ctx, group), results }

  const facts = {
    ...group,
    kind: policy.stores ? 'group' : 'live',
    policy: policy.id,
    userIds: null,
  } as const
  await announceChange(ctx, {
    facts,
    changed: { joined: admitted },
    appended,
    actorId: creatorId,
    conversationId,
  })
  return { summary: toSummary(facts, appended.length), results }
}

/** Whoever else asks for an id that is taken learns nothing of the group that has it. */
async function summaryOfOwn(
  { db }: Pick<Context, 'db'>,
  { conversationId, creatorId, policy }: store.NewGroup,
): Promise<ConversationSummary> {
  const group = await store.findGroup(db, conversationId, creatorId)
  if (!group?.role || group.creatorId !== creatorId || group.policy !== policy.id) throw conversationIdTaken()
  return toSummary(group, group.lastSeq)
}

function checkDraft(policy: Policy, { joinBy, adminIds, userIds }: Draft): void {
  if (joinBy !== undefined && !policy.join.includes(joinBy)) throw noSuchJoinBy(policy.join)
  if (adminIds.length > 0 && policy.appointAdmins.length === 0) throw noAdminsHere()
  if (userIds.length + adminIds.length > 0 && Object.keys(policy.invite).length === 0) throw noInvitations()
  if (1 + userIds.length + adminIds.length > policy.maxMembers) throw groupIsFull(policy.maxMembers)
}

function roleOf(userId: string, { adminIds }: Draft): Role {
  return adminIds.some((adminId) => adminId === userId) ? 'admin' : 'member'
}

function toNewGroup(
  conversationId: ConversationId,
  creatorId: UserId,
  policy: Policy,
  { name, avatarUrl = null, notice = null, introduction = null, joinBy }: Draft,
): store.NewGroup {
  const [defaultJoin = 'invitation'] = policy.join
  return {
    conversationId,
    creatorId,
    policy,
    name,
    avatarUrl,
    notice,
    introduction,
    joinBy: joinBy ?? defaultJoin,
  }
}
