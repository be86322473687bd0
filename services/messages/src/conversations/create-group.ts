import { type ConversationId, newGroupId, type UserId } from '@parley/shared/ids'
import type { ConversationSummary } from '@parley/shared/protocol'
import { listExisting } from '../accounts/store.ts'
import type { Context } from '../context.ts'
import { conversationIdTaken, tooManyConversations } from '../errors.ts'
import { toSummary } from '../log/entry.ts'
import { announceNotice } from './announce-notice.ts'
import { maxConversationsPerUser } from './limits.ts'
import * as store from './store.ts'

export interface GroupDraft {
  conversationId?: ConversationId | undefined
  name: string
  userIds: UserId[]
}

export interface CreatedGroup {
  summary: ConversationSummary
  added: string[]
  refused: { userId: string; reason: 'no-such-user' | 'in-too-many-groups' }[]
}

/** A group of its creator, who owns it, and those of the named users who exist. */
export async function createGroup(ctx: Context, ownerId: UserId, draft: GroupDraft): Promise<CreatedGroup> {
  const conversationId = draft.conversationId ?? newGroupId()
  const invited = [...new Set<string>(draft.userIds)].filter((userId) => userId !== ownerId)
  const { admitted, refused } = await admit(ctx, [ownerId, ...invited])
  if (!admitted.includes(ownerId)) throw tooManyConversations(maxConversationsPerUser)
  const userIds = admitted.filter((userId) => userId !== ownerId)

  const notice = {
    conversationId,
    senderId: ownerId,
    kind: 'created',
    type: 'group.created',
    content: { name: draft.name, userIds: admitted },
  }
  const appended = await ctx.db.transaction().execute(async (trx) => {
    if (!(await store.insertGroup(trx, { conversationId, name: draft.name, ownerId, userIds })))
      throw conversationIdTaken()
    const members = [
      { userId: ownerId, role: 'owner' as const },
      ...userIds.map((userId) => ({ userId, role: 'member' as const })),
    ]
    await store.insertMembers(trx, conversationId, members, 0)
    return store.appendNotice(trx, notice)
  })
  const summary = toSummary({ conversationId, kind: 'group', name: draft.name, userIds: null }, appended.seq)
  await announceNotice(ctx, { notice, appended, summary, joined: admitted })
  return { summary, added: userIds, refused }
}

/** Sorts users into those who can become members and those who cannot, with the reason. */
export async function admit({ db }: Pick<Context, 'db'>, userIds: string[]) {
  const existing = await listExisting(db, userIds)
  const full = await store.listFull(db, userIds, maxConversationsPerUser)
  const admitted = userIds.filter((userId) => existing.has(userId) && !full.has(userId))
  const refused = userIds
    .filter((userId) => !admitted.includes(userId))
    .map((userId) => ({
      userId,
      reason: existing.has(userId) ? ('in-too-many-groups' as const) : ('no-such-user' as const),
    }))
  return { admitted, refused }
}
