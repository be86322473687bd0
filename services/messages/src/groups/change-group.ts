import type { ConversationId, UserId } from '@parley/shared/ids'
import { conversationRoom, encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Transaction } from 'kysely'
import type { Context } from '../context.ts'
import type { Database, Role } from '../db/schema.ts'
import { endAllAlerts } from '../deliveries/stale-store.ts'
import { notAllowed, notAMember } from '../errors.ts'
import { type Appended, appendEntry, type Happening } from '../log/append.ts'
import type { ConversationFacts } from '../log/entry.ts'
import type { Policy } from '../policies/policy.ts'
import { type Action, type ActionOver, may, mayTo } from '../policies/rights.ts'
import { asSystem, isSystem } from '../server-api/system.ts'
import * as store from './store.ts'

/** A group whose row is held, and what whoever asks is in it. */
export interface HeldGroup {
  trx: Transaction<Database>
  conversation: store.HeldConversation
  policy: Policy
  actorId: UserId
  /** Undefined for somebody who is not in it. */
  role: Role | undefined
  /** Throws unless the actor's role may do this. */
  demand: (action: Action) => void
  mayTo: (action: ActionOver, target: Role | undefined) => boolean
}

/** What was changed, for those who must hear of it. */
export interface GroupChange<T> {
  result: T
  /** What happened, in order: `kind` and `content` of each entry. */
  happened: { kind: string; content: Record<string, unknown>; pushed?: boolean }[]
  joined?: string[]
  ended?: Ending
}

interface Ending {
  userIds: string[] | 'all'
  reason: 'left' | 'kicked' | 'dissolved'
  note: string | null
}

export type GroupContext = Pick<
  Context,
  'db' | 'announcer' | 'dispatcher' | 'log' | 'policies' | 'withdrawals'
>

/**
 * The one way a group changes: its row is held, rights are checked by its policy as it now stands, what happened
 * is written into its log in the same transaction, and gateways are told after the commit. Should Redis lose
 * that, sockets are let in when they connect next, and who is out is out: rights are asked at every send and read.
 */
export async function changeGroup<T>(
  ctx: GroupContext,
  { actorId, conversationId }: { actorId: UserId; conversationId: ConversationId },
  change: (group: HeldGroup) => Promise<GroupChange<T>>,
): Promise<T> {
  const done = await ctx.db.transaction().execute(async (trx) => {
    const group = await holdGroup(ctx, trx, { actorId, conversationId })
    const changed = await change(group)
    const { ended } = changed
    const appended = await append(group, changed.happened)
    const alerted = ended ? await endAllAlerts(trx, conversationId, ended.userIds) : []
    const gone = ended
      ? await store.removeMembers(trx, conversationId, ended.userIds, { ...ended, by: actorId })
      : []
    return { facts: group.conversation, changed, appended, alerted, gone }
  })
  ctx.withdrawals.note(done.alerted)
  await announceChange(ctx, { ...done, actorId, conversationId })
  return done.changed.result
}

async function holdGroup(
  { policies }: Pick<Context, 'policies'>,
  trx: Transaction<Database>,
  { actorId, conversationId }: { actorId: UserId; conversationId: ConversationId },
): Promise<HeldGroup> {
  const conversation = await store.lockConversation(trx, conversationId)
  const bySystem = isSystem(actorId)
  const found = conversation && (await store.findRole(trx, conversationId, actorId))
  const role = conversation && bySystem ? 'owner' : found
  const own = conversation?.policy && policies.get(conversation.policy)
  const policy = own && bySystem ? asSystem(own) : own
  if (!conversation || !policy) throw notAMember()
  return {
    trx,
    conversation,
    policy,
    actorId,
    role,
    demand(action) {
      if (!role) throw notAMember()
      if (!may(policy, role, action)) throw notAllowed()
    },
    mayTo: (action, target) =>
      role !== undefined && target !== undefined && mayTo(policy, role, action, target),
  }
}

/** Where nothing is kept there is no log to write into; what happened is seen in the group itself. */
async function append(
  { trx, conversation, actorId }: HeldGroup,
  happened: GroupChange<unknown>['happened'],
): Promise<Appended[]> {
  if (!conversation.stores) {
    await store.advanceMembersVersion(trx, conversation.conversationId)
    return []
  }
  const appended: Appended[] = []
  for (const { kind, content, pushed = false } of happened) {
    const happening = happeningOf({ conversation, actorId, kind, content, pushed })
    appended.push(await appendEntry(trx, happening, { isActivity: true, changesMembers: true }))
  }
  return appended
}

function happeningOf({
  conversation: { conversationId },
  actorId: senderId,
  kind,
  content,
  pushed,
}: Pick<HeldGroup, 'conversation' | 'actorId'> &
  Required<GroupChange<unknown>['happened'][number]>): Happening {
  return { conversationId, senderId, kind, type: `group.${kind}`, content, pushed }
}

interface Announcement {
  facts: ConversationFacts
  changed: Pick<GroupChange<unknown>, 'joined' | 'ended'>
  /** Who is a member no more. */
  gone?: string[]
  appended: Appended[]
  actorId: UserId
  conversationId: ConversationId
}

export async function announceChange(
  { announcer, dispatcher, log }: Pick<Context, 'announcer' | 'dispatcher' | 'log'>,
  { facts, changed: { joined = [], ended }, gone = [], appended, actorId, conversationId }: Announcement,
): Promise<void> {
  try {
    if (joined.length > 0)
      await announcer.order({
        kind: 'join',
        userIds: joined as UserId[],
        conversationId,
        lastSeq: appended.at(-1)?.row.seq ?? 0,
      })
    if (ended) await announceEnd({ announcer }, { ended, gone, actorId, conversationId })
  } catch (err) {
    log.warn({ err, conversationId }, 'gateways were not told of a change of members')
  }
  for (const { row, dispatchId } of appended) dispatcher.announceEntry(row, { facts, dispatchId, joined })
}

/** Told one by one, for a gateway may hear a group only a moment after somebody there joined it. */
const toldOneByOne = 1_000

/** Those who are out are told why, and hear nothing after it. */
async function announceEnd(
  { announcer }: Pick<Context, 'announcer'>,
  {
    ended: { userIds, reason, note },
    gone,
    actorId,
    conversationId,
  }: { ended: Ending; gone: string[]; actorId: UserId; conversationId: ConversationId },
): Promise<void> {
  const event = { conversationId, reason, by: actorId, ...(note === null ? {} : { note }) }
  const text = encodeEvent('conversation:ended', event)
  const rooms =
    gone.length <= toldOneByOne
      ? gone.map((userId) => userRoom(userId as UserId))
      : [conversationRoom(conversationId)]
  const leave =
    userIds === 'all'
      ? ({ kind: 'close-room', conversationId } as const)
      : ({ kind: 'leave', userIds: gone as UserId[], conversationId } as const)
  // Who is removed leaves the room first; where all do, a large group is told in the room it leaves.
  if (userIds !== 'all') await announcer.order(leave)
  await announcer.ring(rooms.map((room) => ({ room, text })))
  if (userIds === 'all') await announcer.order(leave)
}
