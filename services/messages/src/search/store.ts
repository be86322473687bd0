import { type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

/** What `vector.ts` puts before every term of a conversation, made by Postgres. */
const markOf = (conversationId: string) =>
  sql`left(encode(sha256(convert_to(${sql.raw(conversationId)}, 'UTF8')), 'base64'), 4)`

export interface Candidate {
  conversationId: string
  seq: number
  /** ISO 8601 with microseconds, as a place in the order. */
  position: string
  senderId: string
  type: string
  content: Record<string, unknown>
  digest: string | null
  sentAt: Date
  editedAt: Date | null
  /** Whether this reader is shown it; the index learns of a recall a moment later. */
  visible: boolean
}

interface CandidateQuery {
  userId: string
  terms: { term: string; prefix: boolean }[]
  conversationId: string | null
  senderId: string | null
  type: string | null
  since: string | null
  until: string | null
  after: { position: string; conversationId: string; seq: number } | null
  limit: number
}

/**
 * Messages that have all terms, of those one member may read, newest first. Each of their conversations is looked
 * up by itself, so what it costs depends on what the user has, not on what the server has.
 */
export async function listCandidates(db: Kysely<Database>, query: CandidateQuery): Promise<Candidate[]> {
  const { userId, conversationId, senderId, type, since, until, after, terms, limit } = query
  const { rows } = await sql<Candidate>`
    with readable as materialized (
      select m.conversation_id, greatest(m.joined_seq, m.cleared_seq) as floor_seq, m.hides_entries, (
        select string_agg(quote_literal(k.mark || t.term) || case when t.prefix then ':*' else '' end, ' & ')
        from unnest(${terms.map(({ term }) => term)}::text[], ${terms.map(({ prefix }) => prefix)}::boolean[])
          as t (term, prefix)
      )::tsquery as wanted
      from member m
      join conversation c on c.conversation_id = m.conversation_id and c.kind <> 'self'
      cross join lateral (select ${markOf('m.conversation_id')} as mark) k
      where m.user_id = ${userId}
        and (${conversationId}::text is null or m.conversation_id = ${conversationId}::text collate "C")
    )
    select e.conversation_id, e.seq, e.sender_id, e.type, e.content, e.digest, e.sent_at, e.edited_at,
      to_char(d.sent_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position,
      e.recalled_at is null and (e.synced or e.sender_id <> ${userId}) as visible
    from (
      select r.conversation_id, f.seq, f.sent_at
      from readable r
      cross join lateral (
        select d.seq, d.sent_at
        from search_document d
        where d.conversation_id = r.conversation_id and d.terms @@ r.wanted and d.seq > r.floor_seq
          and (${senderId}::text is null or d.sender_id = ${senderId})
          and (${type}::text is null or d.type = ${type})
          and (${since}::timestamptz is null or d.sent_at >= ${since}::timestamptz)
          and (${until}::timestamptz is null or d.sent_at < ${until}::timestamptz)
          and (${after === null} or (d.sent_at, d.conversation_id, d.seq) <
            (${after?.position ?? null}::timestamptz, ${after?.conversationId ?? ''}, ${after?.seq ?? 0}::bigint))
          and (not r.hides_entries or not exists (
            select from hidden_entry h
            where h.user_id = ${userId} and h.conversation_id = d.conversation_id and h.seq = d.seq))
        order by d.sent_at desc, d.seq desc
        limit ${limit}
      ) f
      order by f.sent_at desc, r.conversation_id desc, f.seq desc
      limit ${limit}
    ) d
    join entry e on e.conversation_id = d.conversation_id and e.seq = d.seq
    order by d.sent_at desc, d.conversation_id desc, d.seq desc`.execute(db)
  return rows
}
