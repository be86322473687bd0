import { type Kysely, sql, type Transaction } from 'kysely'
import type { Pool } from 'pg'
import type { Database } from '../db/schema.ts'

export interface Mark {
  userId: string
  conversationId: string
  delivered: number
  read: number
}

export interface MovedMark {
  userId: string
  conversationId: string
  deliveredBefore: number
  readBefore: number
  deliveredSeq: number
  readSeq: number
  /** Messages up to where was read that were marked unread, and are no longer. */
  readAgain: number[] | null
  /** The two people of a direct conversation. */
  userIds: string[] | null
}

/**
 * Moves watermarks forward, never back and never beyond the log's end, and tells where each stands. Marks of
 * conversations their user is not in are left out of the answer. Reading ends the marks of single messages up to
 * there, if the watermark was further already too. Rows are locked in one order, so two
 * instances that move the same marks take turns.
 */
export async function moveWatermarks(pool: Pool, marks: Mark[]): Promise<MovedMark[]> {
  const { rows } = await pool.query<MovedMark>({
    name: 'move-watermarks',
    text: `
      with held as materialized (
        select m.conversation_id, m.user_id, m.delivered_seq, m.read_seq, c.user_ids, i.read,
          case when m.unread_seqs is not null
            then array(select seq from unnest(m.unread_seqs) as seq where seq <= i.read) end as read_again,
          greatest(m.delivered_seq, least(i.delivered, c.last_seq)) as delivered_next,
          greatest(m.read_seq, least(i.read, c.last_seq)) as read_next
        from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as i (conversation_id, user_id, delivered, read)
        join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
        join conversation c on c.conversation_id = m.conversation_id
        order by m.conversation_id, m.user_id
        for no key update of m
      ),
      moved as (
        update member m
        set delivered_seq = h.delivered_next, read_seq = h.read_next,
          delivered_at = case when h.delivered_next > h.delivered_seq then now() else m.delivered_at end,
          read_at = case when h.read_next > h.read_seq then now() else m.read_at end,
          read_seqs = case when h.read_next = h.read_seq or m.read_seqs is null then m.read_seqs
            else nullif(array(select seq from unnest(m.read_seqs) as seq where seq > h.read_next), '{}') end,
          unread_seqs = case when h.read = 0 or m.unread_seqs is null then m.unread_seqs
            else nullif(array(select seq from unnest(m.unread_seqs) as seq where seq > h.read), '{}') end,
          changed_xid = case when h.read_next > h.read_seq or h.read_again <> '{}'
            then pg_current_xact_id() else m.changed_xid end
        from held h
        where m.conversation_id = h.conversation_id and m.user_id = h.user_id
          and (h.delivered_next > h.delivered_seq or h.read_next > h.read_seq or h.read_again <> '{}')
      )
      select user_id as "userId", conversation_id as "conversationId", delivered_seq as "deliveredBefore",
        read_seq as "readBefore", delivered_next as "deliveredSeq", read_next as "readSeq", to_json(read_again) as "readAgain",
        user_ids as "userIds"
      from held`,
    values: [
      marks.map((mark) => mark.conversationId),
      marks.map((mark) => mark.userId),
      marks.map((mark) => mark.delivered),
      marks.map((mark) => mark.read),
    ],
  })
  return rows
}

/** Where each member stands to a message; nothing if there is no such message. */
export async function listMarks(
  db: Kysely<Database>,
  { conversationId, seq, limit }: { conversationId: string; seq: number; limit: number },
) {
  return db
    .selectFrom('entry as e')
    .innerJoin('member as m', 'm.conversationId', 'e.conversationId')
    .select((eb) => [
      'm.userId',
      'm.joinedSeq',
      'm.deliveredSeq',
      'm.readSeq',
      sql<boolean>`coalesce(e.seq = any(m.read_seqs), false)`.as('readByItself'),
      eb('m.userId', '=', eb.ref('e.senderId')).$castTo<boolean>().as('isSender'),
    ])
    .where('e.conversationId', '=', conversationId)
    .where('e.seq', '=', seq)
    .where('e.kind', '=', 'message')
    .orderBy('m.userId')
    .limit(limit)
    .execute()
}

/** What a member has read: up to `readSeq`, but for some messages. */
export interface Reading {
  readSeq: number
  /** Messages up to here are not the member's to mark. */
  floorSeq: number
  readSeqs: number[]
  unreadSeqs: number[]
}

/** Holds the member until the transaction ends: nothing is read meanwhile, and nobody decides whom to tell. */
export async function lockReading(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
): Promise<(Reading & { userIds: string[] | null }) | undefined> {
  const { rows } = await sql<Reading & { userIds: string[] | null }>`
    select m.read_seq, greatest(m.joined_seq, m.cleared_seq) as floor_seq, c.user_ids,
      coalesce(to_json(m.read_seqs), '[]') as read_seqs, coalesce(to_json(m.unread_seqs), '[]') as unread_seqs
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.conversation_id = ${conversationId} and m.user_id = ${userId}
    for no key update of m`.execute(trx)
  return rows[0]
}

/** Those of these entries that are messages and that the member sees. */
export async function listSeenMessages(
  db: Kysely<Database>,
  { conversationId, userId, seqs }: { conversationId: string; userId: string; seqs: number[] },
): Promise<{ seq: number; isOwn: boolean }[]> {
  const { rows } = await sql<{ seq: number; isOwn: boolean }>`
    select e.seq, e.sender_id = m.user_id as is_own
    from member m
    join entry e on e.conversation_id = m.conversation_id and e.seq = any(${seqs}::bigint[])
    where m.conversation_id = ${conversationId} and m.user_id = ${userId}
      and e.kind = 'message' and e.seq > greatest(m.joined_seq, m.cleared_seq)
      and (not m.hides_entries or not exists (
        select from hidden_entry h
        where h.user_id = m.user_id and h.conversation_id = e.conversation_id and h.seq = e.seq))`.execute(db)
  return rows
}

/** Keeps which messages are read or unread by themselves; null where there are none. */
export async function setMarked(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
  { readSeqs, unreadSeqs }: Pick<Reading, 'readSeqs' | 'unreadSeqs'>,
): Promise<void> {
  await sql`
    update member
    set read_seqs = nullif(${readSeqs}::bigint[], '{}'), unread_seqs = nullif(${unreadSeqs}::bigint[], '{}'),
      changed_xid = pg_current_xact_id()
    where conversation_id = ${conversationId} and user_id = ${userId}`.execute(trx)
}
