import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'

export interface Absentee {
  conversationId: string
  userId: string
}

/**
 * Members who have not been reached by what these spans hold: nothing up to their end was delivered to, read
 * by or told to them, and something in them is from somebody else and is to be told.
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
    where greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq) < s.last_seq
      and not m.muted
      and exists (
        select from entry e
        where e.conversation_id = s.id and e.seq between s.first_seq and s.last_seq
          and e.seq > greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq)
          and e.pushed and e.sender_id <> m.user_id
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
  limit: number,
): Promise<(Span & { userId: string })[]> {
  const { rows } = await sql<Span & { userId: string }>`
    select distinct m.conversation_id, m.user_id,
      greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq) + 1 as first_seq, c.last_seq
    from push_token t
    join member m on m.user_id = t.user_id
    join conversation c on c.conversation_id = m.conversation_id
    where t.kind in ('apns', 'fcm')
      and greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq) < c.last_seq
      and not m.muted
      and c.last_at between now() - interval '1 day' and now() - interval '30 seconds'
    limit ${limit}`.execute(db)
  return rows
}

export interface DueRow {
  userId: string
  deviceId: string
  platform: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  updatedAt: Date
  seq: number
  senderId: string
  senderName: string | null
  conversationKind: string
  conversationName: string | null
  type: string
  content: Record<string, unknown>
  sentAt: Date
}

/**
 * One row per device still to be told and entry to tell it of; of many entries, the newest for each user. Earlier
 * entries that are still due come along, because telling of a later one moves the mark past them.
 */
export async function listDue(
  db: Kysely<Database>,
  query: Pick<Span, 'conversationId' | 'lastSeq'> & { userIds: string[]; entriesEach: number },
): Promise<DueRow[]> {
  const { rows } = await sql<DueRow>`
    select t.user_id, t.device_id, d.platform, t.kind, t.token, t.topic, t.environment, t.updated_at,
      e.seq, e.sender_id, a.display_name as sender_name, c.kind as conversation_kind, c.name as conversation_name,
      e.type, e.content, e.sent_at
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    join push_token t on t.user_id = m.user_id
    join device d on d.user_id = t.user_id and d.device_id = t.device_id
    cross join lateral (
      select * from entry e
      where e.conversation_id = m.conversation_id
        and e.seq <= ${query.lastSeq}
        and e.seq > greatest(m.delivered_seq, m.read_seq, m.notified_seq, m.joined_seq)
        and e.pushed and e.recalled_at is null and e.sender_id <> m.user_id
      order by e.seq desc limit ${query.entriesEach}
    ) e
    left join account a on a.user_id = e.sender_id
    where m.conversation_id = ${query.conversationId} and m.user_id = any(${query.userIds}) and not m.muted
    order by t.user_id, t.device_id, t.kind, e.seq`.execute(db)
  return rows
}

/** Each user's unread over all conversations: what an app's badge shows. */
export async function listBadges(db: Kysely<Database>, userIds: string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ userId: string; unread: number }>`
    select m.user_id, sum((
      select count(*) from entry e
      where e.conversation_id = m.conversation_id and e.counted and e.recalled_at is null
        and e.seq > greatest(m.read_seq, m.joined_seq, m.cleared_seq) and e.sender_id <> m.user_id
    ))::bigint as unread
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
    update member m set notified_seq = i.seq
    from unnest(${marks.map(({ userId }) => userId)}::text[], ${marks.map(({ seq }) => seq)}::bigint[]) as i (user_id, seq)
    where m.conversation_id = ${conversationId} and m.user_id = i.user_id and m.notified_seq < i.seq`.execute(
    db,
  )
}
