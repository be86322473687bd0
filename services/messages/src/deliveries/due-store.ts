import type { AgainQuery } from '@parley/shared/delivery'
import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql } from 'kysely'
import type { Database, Preview, PushKeys } from '../db/schema.ts'

/** Kinds of token that services/push alerts; a VoIP push is for calls alone. */
export const alertKinds: PushTokenKind[] = ['apns', 'fcm', 'fcm-fid', 'webpush', 'huawei']

/** Those of them that can be told something in silence, which a browser cannot. */
export const quietKinds = alertKinds.filter((kind) => kind !== 'webpush')

/** Of a member `m`: alerts that a job took on and never reported, and need not any more, because the entries were delivered. */
export const hasLostAlerts = sql.raw(
  '(m.alerted_seq > m.notified_seq and greatest(m.delivered_seq, m.read_seq, m.cleared_seq) >= m.alerted_seq)',
)

/** Up to where a member needs no telling any more. */
export const toldSeq = sql.raw(
  'greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq, m.cleared_seq)',
)

/**
 * Whether member `m` is told of entry `e`: somebody else's, still there for them, not read by itself, and not silenced
 * by what the member wants to hear of this conversation. A level that has an end silences what was sent before it for good.
 */
export const isTold = sql.raw(`(
  e.pushed and e.recalled_at is null and e.sender_id <> m.user_id
  and (m.read_seqs is null or e.seq <> all(m.read_seqs))
  and (not m.hides_entries or not exists (
    select from hidden_entry h
    where h.user_id = m.user_id and h.conversation_id = e.conversation_id and h.seq = e.seq))
  and (
    m.notify_level = 'all'
    or (m.notify_until is not null and e.sent_at >= m.notify_until)
    or (m.notify_level = 'mentions' and e.mentions ? m.user_id)
    or (m.mention_all and e.mentions ? '@all')
  )
)`)

export interface TokenRow {
  userId: string
  deviceId: string
  platform: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  keys: PushKeys | null
  updatedAt: Date
}

export interface DueRow extends TokenRow {
  locale: string | null
  /** In order, from the oldest untold one. */
  seqs: number[]
  /** Of `seqs`, those from here on may be alerted with sound by the job that asked. */
  audibleAfter: number
  /** Whether the job that asked was given that before. */
  again: boolean
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
 * members whom nothing is to be told of count as told, unless a withdrawal is still to settle what a dead worker told them.
 */
export async function claimDue(db: Kysely<Database>, options: DueOptions): Promise<DueRow[]> {
  const { conversationId, lastSeq, userIds, claim, entriesEach } = options
  const { rows } = await sql<DueRow>`
    with m as materialized (
      select m.user_id, ${toldSeq} as told_seq, m.alerted_seq, m.alerted_after, m.alerted_by,
        m.notify_level, m.notify_until, m.mention_all, m.hides_entries, m.read_seqs
      from member m
      where m.conversation_id = ${conversationId} and m.user_id = any(${userIds}) and ${toldSeq} < ${lastSeq}
      order by m.user_id
      for no key update
    ),
    due as materialized (
      select m.user_id, e.seqs, e.newest,
        case when m.alerted_by = ${claim} then m.alerted_after else m.alerted_seq end as audible_after,
        m.alerted_by is not distinct from ${claim} and m.alerted_seq >= e.newest as again
      from m
      cross join lateral (
        select json_agg(e.seq order by e.seq) as seqs, max(e.seq) as newest
        from (
          select e.seq from entry e
          where e.conversation_id = ${conversationId} and e.seq <= ${lastSeq} and e.seq > m.told_seq and ${isTold}
          order by e.seq limit ${entriesEach}
        ) e
      ) e
      where exists (select from push_token t where t.user_id = m.user_id and t.kind = any(${alertKinds}))
    ),
    claimed as (
      update member set alerted_seq = due.newest, alerted_after = due.audible_after, alerted_by = ${claim}
      from due
      where member.conversation_id = ${conversationId} and member.user_id = due.user_id
        and member.alerted_seq < due.newest
    ),
    passed as (
      update member m set notified_seq = least(${lastSeq}, c.last_seq)
      from due, conversation c
      where m.conversation_id = ${conversationId} and m.user_id = due.user_id and due.newest is null
        and c.conversation_id = ${conversationId}
        and m.notified_seq < least(${lastSeq}, c.last_seq)
        and not (${hasLostAlerts}
          and exists (select from push_token t where t.user_id = m.user_id and t.kind = any(${quietKinds})))
    )
    select * from (
      select distinct on (t.user_id, t.device_id) t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic,
        t.environment, t.keys, t.updated_at, t.locale, d.last_seen_at, due.seqs, due.audible_after, due.again,
        p.quiet_from, p.quiet_until, p.time_zone, p.preview, pg_snapshot_xmin(pg_current_snapshot())::text as as_of
      from due
      join push_token t on t.user_id = due.user_id and t.kind = any(${alertKinds})
      join device d on d.user_id = t.user_id and d.device_id = t.device_id
      left join notification_preference p on p.user_id = due.user_id
      where due.newest is not null
      order by t.user_id, t.device_id, t.updated_at desc
    ) as target
    order by user_id, last_seen_at desc, device_id`.execute(db)
  return rows
}

/** An entry for one device, if its user has neither got nor read it and may still see it. Nothing is claimed. */
export async function findUndelivered(
  db: Kysely<Database>,
  { conversationId, seq, userId, deviceId }: AgainQuery,
): Promise<DueRow[]> {
  const { rows } = await sql<DueRow>`
    select t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.keys, t.updated_at, t.locale,
      json_build_array(e.seq) as seqs, e.seq as audible_after, false as again,
      p.quiet_from, p.quiet_until, p.time_zone, p.preview, '0' as as_of
    from member m
    join entry e on e.conversation_id = m.conversation_id and e.seq = ${seq}
    join push_token t on t.user_id = m.user_id and t.device_id = ${deviceId} and t.kind = any(${alertKinds})
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    left join notification_preference p on p.user_id = m.user_id
    where m.conversation_id = ${conversationId} and m.user_id = ${userId} and ${isTold}
      and e.seq > greatest(m.delivered_seq, m.read_seq, m.joined_seq, m.cleared_seq)
    order by t.updated_at desc
    limit 1`.execute(db)
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
  digest: string | null
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
      c.name as conversation_name, e.kind, e.type, e.content, e.digest, e.mentions, e.sent_at
    from entry e
    join conversation c on c.conversation_id = e.conversation_id
    left join account a on a.user_id = e.sender_id
    where e.conversation_id = ${conversationId} and e.seq = any(${seqs}::bigint[])`.execute(db)
  return rows
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
