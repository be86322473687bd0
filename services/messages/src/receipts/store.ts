import type { Kysely } from 'kysely'
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
  /** The two people of a direct conversation. */
  userIds: string[] | null
}

/**
 * Moves watermarks forward, never back and never beyond the log's end, and tells where each stands. Marks of
 * conversations their user is not in are left out of the answer. Rows are locked in one order, so two
 * instances that move the same marks take turns.
 */
export async function moveWatermarks(pool: Pool, marks: Mark[]): Promise<MovedMark[]> {
  const { rows } = await pool.query<MovedMark>({
    name: 'move-watermarks',
    text: `
      with held as materialized (
        select m.conversation_id, m.user_id, m.delivered_seq, m.read_seq, c.user_ids,
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
          changed_xid = case when h.read_next > h.read_seq then pg_current_xact_id() else m.changed_xid end
        from held h
        where m.conversation_id = h.conversation_id and m.user_id = h.user_id
          and (h.delivered_next > h.delivered_seq or h.read_next > h.read_seq)
      )
      select user_id as "userId", conversation_id as "conversationId", delivered_seq as "deliveredBefore",
        read_seq as "readBefore", delivered_next as "deliveredSeq", read_next as "readSeq", user_ids as "userIds"
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
      eb('m.userId', '=', eb.ref('e.senderId')).$castTo<boolean>().as('isSender'),
    ])
    .where('e.conversationId', '=', conversationId)
    .where('e.seq', '=', seq)
    .where('e.kind', '=', 'message')
    .orderBy('m.userId')
    .limit(limit)
    .execute()
}
