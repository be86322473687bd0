import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import { encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Context } from '../context.ts'
import { notAMember } from '../errors.ts'
import * as store from './store.ts'

type ArrangeContext = Pick<Context, 'db' | 'announcer' | 'log'>

/** Pins, hides or shows a conversation in its user's list, on all devices. */
export async function arrange(
  ctx: ArrangeContext & Pick<Context, 'withdrawals'>,
  userId: UserId,
  { conversationId, ...changes }: ClientRequest<'conversation:set'>,
): Promise<ClientReply<'conversation:set'>> {
  const arrangement = await store.arrange(ctx.db, conversationId, userId, changes)
  if (!arrangement) throw notAMember()
  announce(ctx, userId, conversationId, arrangement)
  if (changes.hidden !== undefined) ctx.withdrawals.note([userId])
  return { pinned: arrangement.pinned, hidden: arrangement.hidden }
}

/** Clears a log for one member up to a seq, or all of it. */
export async function clearLog(
  ctx: ArrangeContext & Pick<Context, 'withdrawals'>,
  userId: UserId,
  { conversationId, seq = Number.MAX_SAFE_INTEGER }: ClientRequest<'log:clear'>,
): Promise<ClientReply<'log:clear'>> {
  const arrangement = await store.arrange(ctx.db, conversationId, userId, { clearedSeq: seq })
  if (!arrangement) throw notAMember()
  announce(ctx, userId, conversationId, arrangement)
  ctx.withdrawals.note([userId])
  return { seq: arrangement.clearedSeq }
}

/** The user's other devices hear at once; those that do not, by their next sync. */
function announce(
  { announcer, log }: ArrangeContext,
  userId: UserId,
  conversationId: ConversationId,
  { pinned, hidden, ...watermarks }: store.Arrangement,
): void {
  const text = encodeEvent('conversation:changed', {
    conversationId,
    settings: { pinned, hidden },
    watermarks,
  })
  announcer
    .ring([{ room: userRoom(userId), text }])
    .catch((err: unknown) => log.warn({ err }, 'an arrangement was not announced'))
}
