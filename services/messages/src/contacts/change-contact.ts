import { directConversationId, type UserId } from '@parley/shared/ids'
import type { Contact } from '@parley/shared/protocol'
import type { Transaction } from 'kysely'
import type { Context } from '../context.ts'
import type { Database } from '../db/schema.ts'
import { endAllAlerts, passOver } from '../deliveries/stale-store.ts'
import { noSelfContact, unknownUser } from '../errors.ts'
import {
  type AppendedOwn,
  announceOwn,
  appendOwn,
  holdOwnLogs,
  type OwnEntry,
} from '../own-log/append-own.ts'
import { recheckPresence } from '../presence/recheck.ts'
import { barsOf } from './bars.ts'
import { checkLimits } from './check-limits.ts'
import { type Change, type ContactEvent, type Pair, type Relation, stranger } from './relation.ts'
import * as store from './store.ts'

type Changing = Pick<
  Context,
  'announcer' | 'config' | 'contactLimits' | 'db' | 'dispatcher' | 'log' | 'withdrawals'
>

/**
 * Carries out one wish of `userId` about `otherId`: both rosters, who may write in their direct conversation, and
 * the entries in both own logs change in one transaction, or none of them. Whoever changes a relation of a user
 * holds that user's own log, so two wishes about the same pair come one after the other.
 */
export async function changeContact(
  ctx: Changing,
  { userId, otherId }: { userId: UserId; otherId: UserId },
  decide: (pair: Pair) => Change,
): Promise<Contact> {
  ctx.contactLimits.take(userId)
  if (userId === otherId) throw noSelfContact()
  const { relation, appended, alerted } = await ctx.db.transaction().execute(async (trx) => {
    const messagesFrom = await store.listMessagesFrom(trx, [userId, otherId])
    if (messagesFrom.size < 2) throw unknownUser()
    await holdOwnLogs(trx, [userId, otherId])
    const before = {
      mine: await store.findRelation(trx, userId, otherId),
      theirs: await store.findRelation(trx, otherId, userId),
    }
    const change = decide({ mine: before.mine ?? stranger, theirs: before.theirs ?? stranger })
    const sides = [
      { from: userId, to: otherId, event: change.mine, before: before.mine, after: change.pair.mine },
      { from: otherId, to: userId, event: change.theirs, before: before.theirs, after: change.pair.theirs },
    ]
    const changed = sides.flatMap(({ event, ...side }) => (event ? [{ ...side, event }] : []))
    for (const side of changed) await checkLimits(trx, side.from, side)
    if (changed.length > 0) await bar(ctx, trx, { userId, otherId, pair: change.pair, messagesFrom })
    const entries = changed.map((side) => entryOf(userId, side))
    const rows = await appendOwn(trx, entries)
    for (const [i, { from, to, after }] of changed.entries()) {
      await store.saveRelation(trx, from, to, { ...after, seq: seqOf(rows[i]) })
    }
    const quieted = change.mine === 'contact.blocked' ? await hush(trx, userId, otherId) : []
    return { relation: change.pair.mine, appended: rows, alerted: quieted }
  })
  announceOwn(ctx, appended)
  if (appended.length > 0) recheckPresence(ctx, [userId, otherId])
  ctx.withdrawals.note(alerted)
  return toContact(otherId, relation)
}

interface BarRequest {
  userId: UserId
  otherId: UserId
  pair: Pair
  messagesFrom: Awaited<ReturnType<typeof store.listMessagesFrom>>
}

async function bar(
  { config }: Pick<Context, 'config'>,
  trx: Transaction<Database>,
  { userId, otherId, pair, messagesFrom }: BarRequest,
): Promise<void> {
  const conversationId = directConversationId(userId, otherId)
  const direct = await store.holdDirect(trx, conversationId)
  if (!direct) return
  const bars = barsOf({
    pair,
    messagesFrom: {
      mine: messagesFrom.get(userId) ?? config.messagesFrom,
      theirs: messagesFrom.get(otherId) ?? config.messagesFrom,
    },
    openedBy: direct.creatorId === userId ? 'me' : 'them',
  })
  await store.setBars(trx, conversationId, { [userId]: bars.mine, [otherId]: bars.theirs })
}

/** What somebody wrote before they were blocked is not told any more, and its alerts are taken back. */
async function hush(trx: Transaction<Database>, userId: UserId, otherId: UserId): Promise<string[]> {
  const conversationId = directConversationId(userId, otherId)
  await passOver(trx, conversationId, userId)
  return endAllAlerts(trx, conversationId, [userId])
}

/** Only a request asks for attention; the rest is read when the app is looked at. */
function entryOf(
  actorId: UserId,
  { from, to, event, after }: { from: UserId; to: UserId; event: ContactEvent; after: Relation },
): OwnEntry {
  const asksForAttention = from !== actorId && event === 'contact.requested'
  return {
    userId: from,
    senderId: actorId,
    kind: 'contact',
    type: event,
    content: toContact(to, after),
    counted: asksForAttention,
    pushed: asksForAttention,
  }
}

function seqOf(row: AppendedOwn | undefined): number {
  if (!row) throw new Error('a change of a contact was not logged')
  return row.seq
}

function toContact(userId: string, relation: Relation): Contact {
  return {
    userId,
    state: relation.state,
    blocked: relation.blocked,
    ...(relation.remark === null ? {} : { remark: relation.remark }),
    ...(relation.greeting === null ? {} : { greeting: relation.greeting }),
  }
}
