import type { PushTokenKind } from '@parley/shared/protocol'
import { type Kysely, sql } from 'kysely'
import type { Database, NotifyLevel } from '../db/schema.ts'

interface PlaceOfEntry {
  conversationId: string
  seq: number
}

interface ExplainedEntry {
  senderId: string
  kind: string
  type: string
  counted: boolean
  pushed: boolean
  mentions: string[] | null
  sentAt: Date
  editedAt: Date | null
  recalledAt: Date | null
  /** When somebody last took it on to ring; null once it has rung. */
  ringingSince: Date | null
}

/** An entry without its content, and whether its doorbell is still to be rung. */
export async function findEntry(
  db: Kysely<Database>,
  { conversationId, seq }: PlaceOfEntry,
): Promise<ExplainedEntry | undefined> {
  const { rows } = await sql<ExplainedEntry>`
    select e.sender_id, e.kind, e.type, e.counted, e.pushed, e.mentions, e.sent_at, e.edited_at, e.recalled_at,
      (
        select max(d.claimed_at)
        from dispatch d, unnest(d.conversation_ids, d.first_seqs, d.last_seqs) as s (id, first_seq, last_seq)
        where s.id = e.conversation_id and e.seq between s.first_seq and s.last_seq
      ) as ringing_since
    from entry e
    where e.conversation_id = ${conversationId} and e.seq = ${seq}`.execute(db)
  return rows[0]
}

export interface ExplainedMember {
  joinedSeq: number
  clearedSeq: number
  deliveredSeq: number
  deliveredAt: Date | null
  readSeq: number
  readAt: Date | null
  /** What the user said of this message alone. */
  marked: 'read' | 'unread' | null
  notifiedSeq: number
  notifyLevel: NotifyLevel
  notifyUntil: Date | null
  mentionAll: boolean
  hidden: boolean
}

export async function findMember(
  db: Kysely<Database>,
  { conversationId, seq, userId }: PlaceOfEntry & { userId: string },
): Promise<ExplainedMember | undefined> {
  const { rows } = await sql<ExplainedMember>`
    select m.joined_seq, m.cleared_seq, m.delivered_seq, m.delivered_at, m.read_seq, m.read_at, m.notified_seq,
      m.notify_level, m.notify_until, m.mention_all,
      case when m.read_seq < ${seq} and ${seq} = any(m.read_seqs) then 'read'
        when m.read_seq >= ${seq} and ${seq} = any(m.unread_seqs) then 'unread' end as marked,
      exists (
        select from hidden_entry h
        where h.user_id = m.user_id and h.conversation_id = m.conversation_id and h.seq = ${seq}
      ) as hidden
    from member m
    where m.conversation_id = ${conversationId} and m.user_id = ${userId}`.execute(db)
  return rows[0]
}

export interface ExplainedDevice {
  deviceId: string
  platform: string
  lastSeenAt: Date
  tokens: { kind: PushTokenKind; updatedAt: string }[]
}

const maxDevices = 50

export async function listDevices(db: Kysely<Database>, userId: string): Promise<ExplainedDevice[]> {
  const { rows } = await sql<ExplainedDevice>`
    select d.device_id, d.platform, d.last_seen_at,
      coalesce(
        json_agg(json_build_object('kind', t.kind, 'updatedAt', t.updated_at) order by t.updated_at desc)
          filter (where t.kind is not null), '[]'
      ) as tokens
    from device d
    left join push_token t on t.user_id = d.user_id and t.device_id = d.device_id
    where d.user_id = ${userId}
    group by d.device_id, d.platform, d.last_seen_at
    order by d.last_seen_at desc
    limit ${maxDevices}`.execute(db)
  return rows
}

const maxAttempts = 200

/** What became of each try to push an entry to a user, oldest first. Kept for two weeks. */
export async function listAttempts(
  db: Kysely<Database>,
  { conversationId, seq, userId }: PlaceOfEntry & { userId: string },
) {
  return db
    .selectFrom('pushAttempt')
    .select(['at', 'deviceId', 'kind', 'result', 'reason', 'providerId', 'audible'])
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .where('userId', '=', userId)
    .orderBy('at')
    .limit(maxAttempts)
    .execute()
}
