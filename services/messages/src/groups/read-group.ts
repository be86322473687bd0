import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAMember } from '../errors.ts'
import { toSummary } from '../log/entry.ts'
import { isSystem } from '../server-api/system.ts'
import * as store from './store.ts'

/** A group for its members, and for those who may knock: an outsider learns nothing of one by invitation only. */
export async function readGroup(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { conversationId }: ClientRequest<'group:read'>,
): Promise<ClientReply<'group:read'>> {
  const group = await store.findGroup(db, conversationId, userId)
  const seesAll = group?.role !== null || isSystem(userId)
  if (!group?.policy || (!seesAll && group.joinBy === 'invitation')) throw notAMember()
  return {
    summary: toSummary(group, seesAll ? group.lastSeq : 0),
    ...(group.notice === null || !seesAll ? {} : { notice: group.notice }),
    ...(group.introduction === null ? {} : { introduction: group.introduction }),
    ...(group.joinBy === null ? {} : { joinBy: group.joinBy }),
    allSilenced: group.allSilenced,
    memberCount: Number(group.memberCount),
    ...(group.role ? { role: group.role } : {}),
  }
}

export async function listMembers(
  { db }: Pick<Context, 'db'>,
  userId: UserId,
  { conversationId, after, limit }: ClientRequest<'group:members'>,
): Promise<ClientReply<'group:members'>> {
  if (!isSystem(userId) && !(await store.findRole(db, conversationId, userId))) throw notAMember()
  const rows = await store.listMembers(db, conversationId, { after, limit })
  return {
    members: rows.map(({ joinedAt, silencedUntil, ...member }) => ({
      ...member,
      joinedAt: joinedAt.toISOString(),
      ...(silencedUntil && silencedUntil.getTime() > Date.now()
        ? { silencedUntil: silencedUntil.toISOString() }
        : {}),
    })),
    complete: rows.length < limit,
  }
}
