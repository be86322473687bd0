import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { hasLostAlerts, isTold, quietKinds, toldSeq } from './due-store.ts'

export interface Absentee {
  conversationId: string
  userId: string
}

/**
 * Members who have not been reached by what these spans hold: nothing up to their end was delivered to, read
 * by or told to them, and something in them is to be told.
 */
export async function listUnreached(db: Kysely<Database>, spans: Span[]): Promise<Absentee[]> {
  const { rows } = await sql<Absentee>`
    select m.conversation_id, m.user_id
    from unnest(
      ${spans.map((span) => span.conversationId)}::text[],
      ${spans.map((span) => span.firstSeq)}::bigint[],
      ${spans.map((span) => span.lastSeq)}::bigint[]
    ) as s (id, first_seq, last_seq)
    join member m on m.conversation_id = s.id
    where ${toldSeq} < s.last_seq
      and exists (
        select from entry e
        where e.conversation_id = s.id and e.seq between s.first_seq and s.last_seq and e.seq > ${toldSeq} and ${isTold}
      )`.execute(db)
  return rows
}

/** Everybody in these conversations, and the version of the members it was read at. */
export async function listMemberIds(db: Kysely<Database>, conversationIds: string[]) {
  if (conversationIds.length === 0) return []
  const { rows } = await sql<{ conversationId: string; membersVersion: number; userIds: string[] }>`
    select c.conversation_id, c.members_version, array_agg(m.user_id) as user_ids
    from conversation c
    join member m on m.conversation_id = c.conversation_id
    where c.conversation_id = any(${conversationIds})
    group by c.conversation_id`.execute(db)
  return rows
}

export interface Untold extends Span {
  userId: string
  /** Whether anything in the span is to be told. */
  isDue: boolean
}

interface UntoldOptions {
  idleMs: number
  limit: number
  entriesEach: number
}

/**
 * What these users have not been told of conversations lately active although it is older than `idleMs`, however busy
 * they are: the oldest entries of each, in the order of the users. What it reads is bounded by the users' memberships:
 * the limit of one keeps the planner from reading all conversations to join them.
 */
export async function listUntold(
  db: Kysely<Database>,
  userIds: string[],
  { idleMs, limit, entriesEach }: UntoldOptions,
): Promise<Untold[]> {
  const { rows } = await sql<Untold>`
    select m.conversation_id, m.user_id, ${toldSeq} + 1 as first_seq, s.last_seq, s.is_due
    from member m
    cross join lateral (
      select c.last_seq, c.last_at from conversation c where c.conversation_id = m.conversation_id limit 1
    ) c
    cross join lateral (
      select max(e.seq) as last_seq, bool_or(${isTold}) as is_due from entry e
      where e.conversation_id = m.conversation_id
        and e.seq > ${toldSeq} and e.seq <= ${toldSeq} + ${entriesEach}
        and e.sent_at < now() - ${idleMs} * interval '1 millisecond'
    ) s
    where m.user_id = any(${userIds}) and ${toldSeq} < c.last_seq and c.last_at > now() - interval '1 day'
      and s.last_seq is not null
    order by m.user_id, m.conversation_id
    limit ${limit}`.execute(db)
  return rows
}

/**
 * Members whom nothing of these spans is to be told of count as told, unless a withdrawal is still to settle what a
 * dead worker told them.
 */
export async function passOverSpans(
  db: Kysely<Database>,
  spans: { conversationId: string; userId: string; lastSeq: number }[],
): Promise<void> {
  await sql`
    with held as (
      select m.conversation_id, m.user_id, i.last_seq
      from unnest(
        ${spans.map(({ conversationId }) => conversationId)}::text[],
        ${spans.map(({ userId }) => userId)}::text[],
        ${spans.map(({ lastSeq }) => lastSeq)}::bigint[]
      ) as i (conversation_id, user_id, last_seq)
      join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
      where not (${hasLostAlerts}
        and exists (select from push_token t where t.user_id = m.user_id and t.kind = any(${quietKinds})))
      order by m.conversation_id, m.user_id
      for no key update of m
    )
    update member m set notified_seq = held.last_seq
    from held
    where m.conversation_id = held.conversation_id and m.user_id = held.user_id and m.notified_seq < held.last_seq`.execute(
    db,
  )
}
