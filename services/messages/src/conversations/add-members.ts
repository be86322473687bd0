import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ConversationSummary } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { notAllowed, notAMember } from '../errors.ts'
import { toSummary } from '../log/entry.ts'
import { announceNotice } from './announce-notice.ts'
import { admit, type CreatedGroup } from './create-group.ts'
import * as store from './store.ts'

/** Adds people to a group; they see it from here on. Owner and admins may; each person's result is told. */
export async function addMembers(
  ctx: Context,
  actorId: UserId,
  conversationId: ConversationId,
  userIds: UserId[],
): Promise<CreatedGroup> {
  const { admitted, refused } = await admit(ctx, [...new Set<string>(userIds)])
  const result = await ctx.db.transaction().execute(async (trx) => {
    const conversation = await store.lockConversation(trx, conversationId)
    const role = await store.findRole(trx, conversationId, actorId)
    if (!conversation || !role) throw notAMember()
    if (conversation.kind !== 'group' || role === 'member') throw notAllowed('add members')
    const members = admitted.map((userId) => ({ userId, role: 'member' as const }))
    const added = await store.insertMembers(trx, conversationId, members, conversation.lastSeq)
    if (added.length === 0) return { conversation, added, notice: undefined, appended: undefined }
    const notice = {
      conversationId,
      senderId: actorId,
      kind: 'members-added',
      type: 'group.members-added',
      content: { userIds: added },
    }
    return { conversation, added, notice, appended: await store.appendNotice(trx, notice) }
  })
  const { conversation, added, notice, appended } = result
  const summary: ConversationSummary = toSummary(conversation, appended?.seq ?? conversation.lastSeq)
  if (notice && appended) await announceNotice(ctx, { notice, appended, summary, joined: added })
  return { summary, added, refused }
}
