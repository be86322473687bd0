import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { alertKinds, isTold, toldSeq } from './due-store.ts'

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
