import type { PushTokenKind } from '@parley/shared/protocol'
import type { PushOutcome, ReadMark } from '@parley/shared/rpc'
import { type Kysely, sql } from 'kysely'
import type { Database, Preview } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { unreadOf } from '../log/store.ts'

export interface Absentee {
  conversationId: string
  userId: string
}

/** Kinds of token that services/push alerts; a VoIP push is for calls alone. */
const alertKinds: PushTokenKind[] = ['apns', 'fcm']

/** Up to where a member needs no telling any more. */
const toldSeq = sql.raw('greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq)')

/**
 * Whether member `m` is told of entry `e`: somebody else's, still there, and not silenced by what the member
 * wants to hear of this conversation. A level that has an end silences what was sent before it for good.
 */
const isTold = sql.raw(`(
  e.pushed and e.recalled_at is null and e.sender_id <> m.user_id
  and (
    m.notify_level = 'all'
    or (m.notify_until is not null and e.sent_at >= m.notify_until)
    or (m.notify_level = 'mentions' and e.mentions ? m.user_id)
    or (m.mention_all and e.mentions ? '@all')
  )
)`)

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

/** Spans that somebody with a push token has still to be told of, of conversations lately active. */
export async function listUntold(
  db: Kysely<Database>,
  { limit, idleMs }: { limit: number; idleMs: number },
): Promise<(Span & { userId: string })[]> {
  const { rows } = await sql<Span & { userId: string }>`
    select distinct m.conversation_id, m.user_id, ${toldSeq} + 1 as first_seq, c.last_seq
    from push_token t
    join member m on m.user_id = t.user_id
    join conversation c on c.conversation_id = m.conversation_id
    where t.kind = any(${alertKinds})
      and ${toldSeq} < c.last_seq
      and c.last_at between now() - interval '1 day' and now() - ${idleMs} * interval '1 millisecond'
    limit ${limit}`.execute(db)
  return rows
}

export interface TokenRow {
  userId: string
  deviceId: string
  platform: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  updatedAt: Date
}

export interface DueRow extends TokenRow {
  locale: string | null
  /** In order, from the oldest untold one. */
  seqs: number[]
  /** Of `seqs`, those from here on may be alerted with sound by the job that asked. */
  audibleAfter: number
  quietFrom: string | null
  quietUntil: string | null
  timeZone: string | null
  preview: Preview | null
  asOf: string
}

interface DueOptions {
  conversationId: string
  lastSeq: number
  userIds: string[]
  claim: string
  entriesEach: number
}

/**
 * The devices still to be told and what of, one alert token each, the device in use last first. It is decided
 * under the members' row locks, so it waits for a read mark that is being moved and sees it. In the same
 * breath the right to alert with sound goes to the job that asked, for entries no other job had it for, and
 * members whom nothing is to be told of count as told.
 */
export async function claimDue(db: Kysely<Database>, options: DueOptions): Promise<DueRow[]> {
  const { conversationId, lastSeq, userIds, claim, entriesEach } = options
  const { rows } = await sql<DueRow>`
    with m as materialized (
      select m.user_id, ${toldSeq} as told_seq, m.alerted_seq, m.alerted_after, m.alerted_by,
        m.notify_level, m.notify_until, m.mention_all
      from member m
      where m.conversation_id = ${conversationId} and m.user_id = any(${userIds}) and ${toldSeq} < ${lastSeq}
      order by m.user_id
      for no key update
    ),
    token as materialized (
      select distinct on (t.user_id, t.device_id) t.*, d.platform, d.last_seen_at
      from m
      join push_token t on t.user_id = m.user_id
      join device d on d.user_id = t.user_id and d.device_id = t.device_id
      where t.kind = any(${alertKinds})
      order by t.user_id, t.device_id, t.updated_at desc
    ),
    due as materialized (
      select m.user_id, json_agg(e.seq order by e.seq) as seqs, max(e.seq) as newest,
        case when m.alerted_by = ${claim} then m.alerted_after else m.alerted_seq end as audible_after
      from m
      cross join lateral (
        select e.seq from entry e
        where e.conversation_id = ${conversationId} and e.seq <= ${lastSeq} and e.seq > m.told_seq and ${isTold}
        order by e.seq limit ${entriesEach}
      ) e
      where exists (select from token t where t.user_id = m.user_id)
      group by m.user_id, m.alerted_by, m.alerted_after, m.alerted_seq
    ),
    claimed as (
      update member set alerted_seq = due.newest, alerted_after = due.audible_after, alerted_by = ${claim}
      from due
      where member.conversation_id = ${conversationId} and member.user_id = due.user_id
        and member.alerted_seq < due.newest
    ),
    passed as (
      update member set notified_seq = least(${lastSeq}, c.last_seq)
      from m, conversation c
      where member.conversation_id = ${conversationId} and member.user_id = m.user_id
        and c.conversation_id = ${conversationId}
        and member.notified_seq < least(${lastSeq}, c.last_seq)
        and not exists (select from due where due.user_id = m.user_id)
        and exists (select from token t where t.user_id = m.user_id)
    )
    select t.user_id, t.device_id, t.platform, t.kind, t.token, t.topic, t.environment, t.updated_at, t.locale,
      due.seqs, due.audible_after, p.quiet_from, p.quiet_until, p.time_zone, p.preview,
      pg_snapshot_xmin(pg_current_snapshot())::text as as_of
    from due
    join token t on t.user_id = due.user_id
    left join notification_preference p on p.user_id = due.user_id
    order by t.user_id, t.last_seen_at desc, t.device_id`.execute(db)
  return rows
}

export interface AlertedEntry {
  seq: number
  senderId: string
  senderName: string | null
  conversationKind: string
  conversationName: string | null
  kind: string
  type: string
  content: Record<string, unknown>
  mentions: string[] | null
  sentAt: Date
}

/** What alerts say of these entries. */
export async function listAlerted(
  db: Kysely<Database>,
  conversationId: string,
  seqs: number[],
): Promise<AlertedEntry[]> {
  const { rows } = await sql<AlertedEntry>`
    select e.seq, e.sender_id, a.display_name as sender_name, c.kind as conversation_kind,
      c.name as conversation_name, e.kind, e.type, e.content, e.mentions, e.sent_at
    from entry e
    join conversation c on c.conversation_id = e.conversation_id
    left join account a on a.user_id = e.sender_id
    where e.conversation_id = ${conversationId} and e.seq = any(${seqs}::bigint[])`.execute(db)
  return rows
}

/** Each user's unread over all conversations: what an app's badge shows. */
export async function listBadges(db: Kysely<Database>, userIds: string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ userId: string; unread: number }>`
    select m.user_id, sum(${unreadOf})::bigint as unread
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.user_id = any(${userIds}) and c.last_seq > m.read_seq
    group by m.user_id`.execute(db)
  return new Map(rows.map(({ userId, unread }) => [userId, unread]))
}

/** Remembers that a user has been told; like every watermark it only moves forward. */
export async function advanceNotified(
  db: Kysely<Database>,
  conversationId: string,
  marks: { userId: string; seq: number }[],
): Promise<void> {
  await sql`
    with held as (
      select m.user_id, i.seq
      from unnest(${marks.map(({ userId }) => userId)}::text[], ${marks.map(({ seq }) => seq)}::bigint[]) as i (user_id, seq)
      join member m on m.conversation_id = ${conversationId} and m.user_id = i.user_id
      order by m.user_id
      for no key update of m
    )
    update member m set notified_seq = held.seq
    from held
    where m.conversation_id = ${conversationId} and m.user_id = held.user_id and m.notified_seq < held.seq`.execute(
    db,
  )
}

/** One row for each try, for whoever asks later where a message went. */
export async function recordAttempts(
  db: Kysely<Database>,
  conversationId: string,
  outcomes: PushOutcome[],
): Promise<void> {
  await sql`
    insert into push_attempt (conversation_id, seq, user_id, device_id, kind, result, reason, provider_id, audible)
    select ${conversationId}, i.* from unnest(
      ${outcomes.map(({ seq }) => seq)}::bigint[],
      ${outcomes.map(({ userId }) => userId)}::text[],
      ${outcomes.map(({ deviceId }) => deviceId)}::text[],
      ${outcomes.map(({ kind }) => kind)}::text[],
      ${outcomes.map(({ result }) => result)}::text[],
      ${outcomes.map(({ reason }) => reason ?? null)}::text[],
      ${outcomes.map(({ attempt }) => attempt?.providerId ?? null)}::text[],
      ${outcomes.map(({ attempt }) => attempt?.audible ?? false)}::boolean[]
    ) as i`.execute(db)
}

interface Badged {
  userId: string
  deviceId: string
  kind: PushTokenKind
  badge: number
}

/**
 * Remembers the badges that alerts carried, and names the users whose alerts may have come after their reading:
 * those who have read what they were just alerted of, or have read anything since these alerts were made.
 */
export async function noteShown(
  db: Kysely<Database>,
  { conversationId, asOf, shown }: { conversationId: string; asOf: string; shown: PushOutcome[] },
): Promise<string[]> {
  await setBadges(
    db,
    shown.map(({ userId, deviceId, kind, attempt }) => ({
      userId,
      deviceId,
      kind,
      badge: attempt?.badge ?? 0,
    })),
  )
  const { rows } = await sql<{ userId: string }>`
    select i.user_id
    from unnest(${shown.map(({ userId }) => userId)}::text[], ${shown.map(({ seq }) => seq)}::bigint[]) as i (user_id, seq)
    where exists (
      select from member m
      where m.user_id = i.user_id
        and (m.changed_xid >= ${asOf}::xid8 or (m.conversation_id = ${conversationId} and m.read_seq >= i.seq))
    )
    group by i.user_id`.execute(db)
  return rows.map(({ userId }) => userId)
}

export async function setBadges(db: Kysely<Database>, badges: Badged[]): Promise<void> {
  await sql`
    with told as (
      select i.user_id, i.device_id, i.kind, max(i.badge) as badge
      from unnest(
        ${badges.map(({ userId }) => userId)}::text[],
        ${badges.map(({ deviceId }) => deviceId)}::text[],
        ${badges.map(({ kind }) => kind)}::text[],
        ${badges.map(({ badge }) => badge)}::integer[]
      ) as i (user_id, device_id, kind, badge)
      group by i.user_id, i.device_id, i.kind
    ),
    held as (
      select t.user_id, t.device_id, t.kind from push_token t join told using (user_id, device_id, kind)
      order by t.user_id, t.device_id, t.kind
      for no key update of t
    )
    update push_token t set badge = told.badge
    from told join held using (user_id, device_id, kind)
    where t.user_id = told.user_id and t.device_id = told.device_id and t.kind = told.kind
      and t.badge is distinct from told.badge`.execute(db)
}

/** Users with a device that shows a badge, by id: of those given, or of all after one. */
export async function listBadged(
  db: Kysely<Database>,
  { among, after, limit }: { among?: string[]; after?: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom('pushToken')
    .select('userId')
    .distinct()
    .where('badge', '>', 0)
    .$if(among !== undefined, (query) => query.where('userId', 'in', among ?? []))
    .$if(after !== undefined, (query) => query.where('userId', '>', after ?? ''))
    .orderBy('userId')
    .limit(limit)
    .execute()
  return rows.map(({ userId }) => userId)
}

/** Tokens whose devices were told a badge. */
export async function listToldTokens(
  db: Kysely<Database>,
  userIds: string[],
): Promise<(TokenRow & { badge: number })[]> {
  const { rows } = await sql<TokenRow & { badge: number }>`
    select t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.updated_at, t.badge
    from push_token t
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    where t.user_id = any(${userIds}) and t.badge is not null
    order by t.user_id, t.device_id, t.kind`.execute(db)
  return rows
}

const readAlertsEach = 25

/** How far users have read what they were alerted of, where the alerts have not been taken back; and in `also`. */
export async function listReadAlerts(
  db: Kysely<Database>,
  userIds: string[],
  also: string | null,
): Promise<Map<string, ReadMark[]>> {
  const { rows } = await sql<{ userId: string; conversationId: string; seq: number }>`
    select u.user_id, r.conversation_id, r.seq
    from unnest(${userIds}::text[]) as u (user_id)
    cross join lateral (
      select m.conversation_id, m.read_seq as seq from member m
      where m.user_id = u.user_id
        and (least(m.alerted_seq, m.read_seq) > m.withdrawn_seq or (m.conversation_id = ${also} and m.read_seq > 0))
      limit ${readAlertsEach}
    ) r`.execute(db)
  const marks = Map.groupBy(rows, ({ userId }) => userId)
  return new Map(
    [...marks].map(([userId, of]) => [
      userId,
      of.map(({ conversationId, seq }) => ({ conversationId, seq })),
    ]),
  )
}

export async function advanceWithdrawn(
  db: Kysely<Database>,
  marks: { userId: string; conversationId: string; seq: number }[],
): Promise<void> {
  await sql`
    with held as (
      select m.conversation_id, m.user_id, i.seq
      from unnest(
        ${marks.map(({ conversationId }) => conversationId)}::text[],
        ${marks.map(({ userId }) => userId)}::text[],
        ${marks.map(({ seq }) => seq)}::bigint[]
      ) as i (conversation_id, user_id, seq)
      join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
      order by m.conversation_id, m.user_id
      for no key update of m
    )
    update member m set withdrawn_seq = held.seq
    from held
    where m.conversation_id = held.conversation_id and m.user_id = held.user_id and m.withdrawn_seq < held.seq`.execute(
    db,
  )
}

const dayOf = (at: Date) => at.toISOString().slice(0, 10)
const attemptDay = (at: Date) => `push_attempt_${dayOf(at).replaceAll('-', '')}`

/** Makes partitions of push attempts for these days (UTC), and drops what is older than `oldest`. */
export async function keepAttemptDays(
  db: Kysely<Database>,
  { days, oldest }: { days: Date[]; oldest: Date },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Instances take turns.
    await sql`select pg_advisory_xact_lock(hashtextextended('push_attempt', 0))`.execute(trx)
    for (const day of days) {
      const next = new Date(day.getTime() + 24 * 60 * 60_000)
      await sql`
        create table if not exists ${sql.id(attemptDay(day))} partition of push_attempt
        for values from (${sql.lit(`${dayOf(day)}T00:00:00Z`)}) to (${sql.lit(`${dayOf(next)}T00:00:00Z`)})`.execute(
        trx,
      )
    }
    const { rows } = await sql<{ name: string }>`
      select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'push_attempt'::regclass and c.relname ~ '^push_attempt_[0-9]{8}$'
        and c.relname < ${attemptDay(oldest)}`.execute(trx)
    for (const { name } of rows) await sql`drop table ${sql.id(name)}`.execute(trx)
    await sql`delete from push_attempt_other where at < ${oldest}`.execute(trx)
  })
}
