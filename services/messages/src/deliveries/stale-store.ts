import type { PushOutcome } from '@parley/shared/delivery'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

// Of a member `m`. What is shown is not known: a worker may have died before its report.
const hasDevice = sql.raw(`exists (select from push_token t where t.user_id = m.user_id)`)
const remember = sql.raw(`
  on conflict (user_id, conversation_id, seq) do update
    set and_before = stale_alert.and_before or excluded.and_before, noted_xid = excluded.noted_xid`)

interface StaleEntries {
  conversationId: string
  seqs: number[]
  /** Everybody's alerts if left out. */
  userId?: string
}

/** Notes that the alerts of these entries hold no longer, where they may be shown unread; names their users. */
export async function endAlertsOf(
  trx: Transaction<Database>,
  { conversationId, seqs, userId }: StaleEntries,
): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    insert into stale_alert (user_id, conversation_id, seq, and_before)
    select m.user_id, m.conversation_id, i.seq, false
    from unnest(${seqs}::bigint[]) as i (seq)
    join member m on m.conversation_id = ${conversationId}
      and ${userId === undefined ? sql`true` : sql`m.user_id = ${userId}`}
      and i.seq <= m.alerted_seq and i.seq > greatest(m.read_seq, m.cleared_seq)
    where ${hasDevice}
    ${remember}
    returning user_id`.execute(trx)
  return [...new Set(rows.map((row) => row.userId))]
}

/**
 * The same for all that was told of a conversation: its members are leaving, or want to hear no more of it. Members are held
 * before their alerts, as by whoever marks or deletes a message, or each could wait for the other.
 */
export async function endAllAlerts(
  trx: Transaction<Database>,
  conversationId: string,
  userIds: string[] | 'all',
): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    insert into stale_alert (user_id, conversation_id, seq, and_before)
    select m.user_id, m.conversation_id, m.alerted_seq, true
    from member m
    where m.conversation_id = ${conversationId}
      and ${userIds === 'all' ? sql`true` : sql`m.user_id = any(${userIds})`}
      and m.alerted_seq > m.withdrawn_seq and ${hasDevice}
    for update of m
    ${remember}
    returning user_id`.execute(trx)
  return rows.map((row) => row.userId)
}

/** What a member was not told of so far they are not to be told any more. */
export async function passOver(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
): Promise<void> {
  await sql`
    update member m set notified_seq = greatest(m.notified_seq, c.last_seq)
    from conversation c
    where m.conversation_id = ${conversationId} and m.user_id = ${userId}
      and c.conversation_id = m.conversation_id`.execute(trx)
}

/**
 * Notes alerts that were just shown of what had ceased to hold while they were on their way: entries recalled,
 * hidden or read by themselves, of somebody who was blocked, of a conversation its user is no longer in. Names their users.
 */
export async function noteLateStale(
  db: Kysely<Database>,
  conversationId: string,
  shown: PushOutcome[],
): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    insert into stale_alert (user_id, conversation_id, seq, and_before)
    select distinct i.user_id, ${conversationId}, i.seq, m.user_id is null or b.blocked
    from unnest(
      ${shown.map(({ userId }) => userId)}::text[], ${shown.map(({ seq }) => seq)}::bigint[]
    ) as i (user_id, seq)
    join conversation c on c.conversation_id = ${conversationId}
    left join member m on m.conversation_id = ${conversationId} and m.user_id = i.user_id
    left join entry e on e.conversation_id = ${conversationId} and e.seq = i.seq
    cross join lateral (
      select c.kind = 'direct' and exists (
        select from contact r where r.user_id = i.user_id and r.other_id = e.sender_id and r.blocked
      ) as blocked
    ) b
    where m.user_id is null or e.recalled_at is not null or b.blocked or i.seq = any(m.read_seqs)
      or (m.hides_entries and exists (
        select from hidden_entry h
        where h.user_id = i.user_id and h.conversation_id = ${conversationId} and h.seq = i.seq))
    ${remember}
    returning user_id`.execute(db)
  return [...new Set(rows.map((row) => row.userId))]
}

export interface StaleAlert {
  userId: string
  conversationId: string
  seq: number
  /** It stands for all alerts of the conversation up to it. */
  andBefore: boolean
  /** To be handed back when it has been taken back. */
  asOf: string
}

export async function listStale(
  db: Kysely<Database>,
  userIds: string[],
  limitEach: number,
): Promise<StaleAlert[]> {
  const { rows } = await sql<StaleAlert>`
    select s.*
    from unnest(${userIds}::text[]) as u (user_id)
    cross join lateral (
      select a.user_id, a.conversation_id, a.seq, a.and_before,
        pg_current_snapshot()::text as as_of
      from stale_alert a where a.user_id = u.user_id
      order by a.conversation_id, a.seq limit ${limitEach}
    ) s`.execute(db)
  return rows
}

/** Forgets what has been taken back, but for what was noted again since. */
export async function removeStale(db: Kysely<Database>, taken: StaleAlert[]): Promise<void> {
  await sql`
    delete from stale_alert s
    using unnest(
      ${taken.map(({ userId }) => userId)}::text[],
      ${taken.map(({ conversationId }) => conversationId)}::text[],
      ${taken.map(({ seq }) => seq)}::bigint[],
      ${taken.map(({ andBefore }) => andBefore)}::boolean[],
      ${taken.map(({ asOf }) => asOf)}::text[]
    ) as t (user_id, conversation_id, seq, and_before, as_of)
    where s.user_id = t.user_id and s.conversation_id = t.conversation_id
      and (s.seq = t.seq or (t.and_before and s.seq < t.seq))
      and pg_visible_in_snapshot(s.noted_xid, t.as_of::pg_snapshot)`.execute(db)
}

/** Gives up what nobody could be told for a day. */
export async function removeOldStale(db: Kysely<Database>): Promise<void> {
  await sql`delete from stale_alert where noted_at < now() - interval '1 day'`.execute(db)
}
