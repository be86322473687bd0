import { isDeepStrictEqual } from 'node:util'
import { checkContent, jsonAtMost, mediaIdOf } from '@parley/shared/content'
import type { UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { mayWrite } from '../conversations/may-write.ts'
import { contentTooLarge, notYourMessage, otherMedia, silenced, tooLate, wasRecalled } from '../errors.ts'
import { digestOf } from '../message-types/digest.ts'
import { type ChangeContext, changeMessage, isWithin } from './change-message.ts'
import * as store from './store.ts'

/** Changes what a message says. Only who sent it may, while they may write there, and for so long. */
export async function editMessage(
  ctx: ChangeContext & Pick<Context, 'beforeSend' | 'messageTypes'>,
  actorId: UserId,
  { content: given, digest: said, ...target }: ClientRequest<'message:edit'>,
): Promise<ClientReply<'message:edit'>> {
  // Asked before the conversation is held: nobody waits for a hook but who edits.
  await ctx.beforeSend?.checkEdit({ ...target, senderId: actorId, content: given })
  return changeMessage(ctx, actorId, target, async (held) => {
    const { trx, conversationId, message } = held
    if (message.senderId !== actorId) throw notYourMessage()
    if (message.recalledAt) throw wasRecalled()
    if (!isWithin(held, 'editWithinSeconds', ctx.config.direct.editWithinSeconds)) throw tooLate()
    if (!mayWrite(held.member)) throw silenced()
    const content = checked(message, given)
    const registered = await ctx.messageTypes.find(message.type)
    if (registered?.maxBytes && !jsonAtMost(registered.maxBytes)(content))
      throw contentTooLarge(registered.maxBytes)
    const digest = said ?? (registered ? digestOf(registered, content) : null)
    const isSame = isDeepStrictEqual(content, message.content) && digest === message.digest
    if (message.editedAt && isSame) {
      const targetSeq = message.seq
      return { seq: await store.findLastChange(trx, { conversationId, targetSeq, kind: 'edit' }) }
    }
    await store.editMessage(trx, conversationId, message.seq, { content, digest })
    return {
      kind: 'edit',
      content: { content, ...(digest === null ? {} : { digest }) },
      synced: message.synced,
      isForAll: await store.isSeenByAll(trx, conversationId, message.seq),
    }
  })
}

/** The new content as its type asks for it; what the media service says of media stays. */
function checked(
  { type, content: before }: Pick<store.HeldMessage, 'type' | 'content'>,
  content: Record<string, unknown>,
): Record<string, unknown> {
  z.any()
    .superRefine((_, issues) => checkContent({ type, content }, issues))
    .parse(content)
  const mediaId = mediaIdOf({ type, content: before })
  if (mediaId === undefined) return content
  if (mediaIdOf({ type, content }) !== mediaId) throw otherMedia()
  const { caption: _, ...facts } = before
  return { ...facts, ...content }
}
