import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notAMember } from '../errors.ts'
import { toSummary } from '../log/entry.ts'
import { admit, type PersonResult } from './admit.ts'
import { changeGroup, type GroupChange, type HeldGroup } from './change-group.ts'
import { maxRequestsPerGroup } from './limits.ts'
import * as requests from './requests-store.ts'
import * as store from './store.ts'

/** Puts people into a group, or proposes them, as the inviter's role may; an invitation ends an expulsion. */
export async function invite(
  ctx: Context,
  actorId: UserId,
  { conversationId, userIds }: ClientRequest<'group:invite'>,
): Promise<ClientReply<'group:invite'>> {
  const { admitted, refused } = await admit(ctx, [...new Set<string>(userIds)])
  return changeGroup(ctx, { actorId, conversationId }, async (group) => {
    if (!group.role) throw notAMember()
    const way = group.policy.invite[group.role]
    if (!way) throw notAllowed()
    const change = await (way === 'adds' ? add(group, admitted) : propose(group, admitted))
    const lastSeq = group.conversation.lastSeq + change.happened.length
    const results = [...change.result, ...refused]
    return { ...change, result: { summary: toSummary(group.conversation, lastSeq), results } }
  })
}

/** As many as there is room for, of whom some may be in it already. */
async function add(group: HeldGroup, userIds: string[]): Promise<GroupChange<PersonResult[]>> {
  const { trx, conversation, policy } = group
  const { conversationId } = conversation
  const present = userIds.length > 0 ? await store.listRoles(trx, conversationId, userIds) : new Map()
  const absent = userIds.filter((userId) => !present.has(userId))
  const room = Math.max(0, policy.maxMembers - (await store.countMembers(trx, conversationId)))
  const added = await enter(group, absent.slice(0, room))
  const content = { userIds: added }
  return {
    result: [
      ...added.map((userId) => ({ userId, result: 'done' as const })),
      ...[...present.keys()].map((userId) => ({ userId, result: 'already' as const })),
      ...absent
        .slice(room)
        .map((userId) => ({ userId, result: 'refused' as const, reason: 'group-is-full' as const })),
    ],
    happened: added.length > 0 ? [{ kind: 'members-added', content }] : [],
    joined: added,
  }
}

/** Writes the rows of new members, who see the log from here on or all of it, and start with nothing unread. */
export async function enter({ trx, conversation, policy }: HeldGroup, userIds: string[]): Promise<string[]> {
  const { conversationId, lastSeq } = conversation
  await requests.removeRequests(trx, conversationId, userIds)
  await requests.removeExpulsions(trx, conversationId, userIds)
  return store.insertMembers(
    trx,
    conversationId,
    userIds.map((userId) => ({ userId, role: 'member' })),
    { joinedSeq: policy.history === 'all' ? 0 : lastSeq, readSeq: lastSeq },
  )
}

async function propose(
  { trx, conversation: { conversationId }, actorId }: HeldGroup,
  userIds: string[],
): Promise<GroupChange<PersonResult[]>> {
  const present = userIds.length > 0 ? await store.listRoles(trx, conversationId, userIds) : new Map()
  const absent = userIds.filter((userId) => !present.has(userId))
  const room = Math.max(0, maxRequestsPerGroup - (await requests.countRequests(trx, conversationId)))
  await requests.insertRequests(
    trx,
    absent.slice(0, room).map((userId) => ({ conversationId, userId, invitedBy: actorId, greeting: null })),
  )
  return {
    result: userIds.map((userId) => {
      if (present.has(userId)) return { userId, result: 'already' }
      if (absent.indexOf(userId) < room) return { userId, result: 'pending' }
      return { userId, result: 'refused', reason: 'group-is-full' }
    }),
    happened: [],
  }
}
