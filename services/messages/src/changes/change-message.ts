import {
  type ConversationId,
  type MessageId,
  messageIdOf,
  seqOfMessage,
  type UserId,
} from '@parley/shared/ids'
import type { Transaction } from 'kysely'
import type { Context } from '../context.ts'
import { findMember, type MemberStanding } from '../conversations/store.ts'
import type { Database, Role } from '../db/schema.ts'
import { noSuchMessage, notAMember } from '../errors.ts'
import { lockConversation } from '../groups/store.ts'
import { appendEntry } from '../log/append.ts'
import type { Policy } from '../policies/policy.ts'
import { isSystem } from '../server-api/system.ts'
import * as store from './store.ts'

/** A message whose conversation is held, and what whoever asks is there. */
export interface HeldMessage {
  trx: Transaction<Database>
  conversationId: ConversationId
  message: store.HeldMessage
  /** Undefined in a direct conversation. */
  policy: Policy | undefined
  actorId: UserId
  member: MemberStanding
  roleOf: (userId: string) => Promise<Role | undefined>
}

/** What is to be told of it; a number where it was so already, of the entry that told it. */
export type MessageChange =
  | {
      kind: string
      content: Record<string, unknown>
      /** Whose devices show an alert that holds no longer. */
      alerted?: string[]
      /** Whether the sender's other devices get it. */
      synced?: boolean
      /** False where it says what not everybody there may read. */
      isForAll?: boolean
    }
  | { seq: number }

export type ChangeContext = Pick<Context, 'db' | 'dispatcher' | 'policies' | 'config' | 'withdrawals'>

/**
 * The one way a message changes after it was sent: under its conversation's row lock the row becomes what
 * reads shall show, and an entry is appended that tells of it, so that devices that were away replay it.
 */
export async function changeMessage(
  ctx: ChangeContext,
  actorId: UserId,
  { conversationId, messageId }: { conversationId: ConversationId; messageId: MessageId },
  change: (held: HeldMessage) => Promise<MessageChange>,
): Promise<{ seq: number }> {
  const seq = seqOfMessage(messageId)
  if (seq === undefined || messageId !== messageIdOf(conversationId, seq)) throw noSuchMessage()
  const done = await ctx.db.transaction().execute(async (trx) => {
    const conversation = await lockConversation(trx, conversationId)
    const member =
      conversation && (isSystem(actorId) ? operator : await findMember(trx, conversationId, actorId))
    if (!conversation || !member) throw notAMember()
    const message = await store.findMessage(trx, conversationId, seq)
    if (!message || seq <= member.floorSeq) throw noSuchMessage()
    const changed = await change({
      trx,
      conversationId,
      message,
      policy: conversation.policy === null ? undefined : ctx.policies.get(conversation.policy),
      actorId,
      member,
      roleOf: async (userId) => (await findMember(trx, conversationId, userId))?.role,
    })
    if ('seq' in changed) return { seq: changed.seq }
    const { kind, content, alerted = [], synced = true, isForAll = true } = changed
    const happening = {
      conversationId,
      senderId: actorId,
      kind,
      type: message.type,
      content: { messageId, ...content },
      targetSeq: seq,
      synced,
    }
    const appended = await appendEntry(trx, happening, { isActivity: false, changesMembers: false })
    return { seq: appended.row.seq, appended, facts: conversation, alerted, isForAll }
  })
  if (done.appended) {
    const { row, dispatchId } = done.appended
    ctx.dispatcher.announceEntry(row, { facts: done.facts, dispatchId, isForAll: done.isForAll })
    ctx.withdrawals.note(done.alerted)
  }
  return { seq: done.seq }
}

/** Stands for a member where the operator's own systems ask. */
const operator: MemberStanding = {
  role: 'owner',
  barred: null,
  silencedUntil: null,
  speaksAlways: true,
  allSilenced: false,
  floorSeq: 0,
}

/** Whether a message is still young enough, by the rules of its group or those for two people. */
export function isWithin(
  { message, policy }: Pick<HeldMessage, 'message' | 'policy'>,
  window: 'editWithinSeconds' | 'recallWithinSeconds',
  direct: number,
): boolean {
  return Date.now() - message.sentAt.getTime() <= (policy ? policy[window] : direct) * 1_000
}
