import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** Goes before every term of a conversation. Two that share it cost a little time and nothing else. */
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

/** Held until the transaction ends by the one instance that indexes; false if that is another. */
export async function holdIndex(trx: Transaction<Database>): Promise<boolean> {
  const { rows } = await sql<{ held: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended('parley-search-index', 0)) as held`.execute(trx)
  return rows[0]?.held === true
}

/** How long the oldest growth waits to be indexed; 0 if none does. */
export async function findLagSeconds(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ lag: number }>`
    select coalesce(extract(epoch from clock_timestamp() - (
      select created_at from search_pending order by pending_id limit 1)), 0)::float8 as lag`.execute(db)
  return rows[0]?.lag ?? 0
}

/** The names come as JSON, which is read natively: of a backlog a page holds tens of thousands. */
export async function listPending(trx: Transaction<Database>, limit: number) {
  return trx
    .selectFrom('searchPending')
    .select(['pendingId', sql<string[]>`to_json(conversation_ids)`.as('conversationIds')])
    .orderBy('pendingId')
    .limit(limit)
    .execute()
}

export interface Behind {
  conversationId: string
  indexedSeq: number
  lastSeq: number
}

/** Of these conversations, those whose logs go on after what is indexed. */
export async function listBehind(trx: Transaction<Database>, conversationIds: string[]): Promise<Behind[]> {
  const { rows } = await sql<Behind>`
    select c.conversation_id, coalesce(p.indexed_seq, 0) as indexed_seq, c.last_seq
    from conversation c
    left join search_progress p on p.conversation_id = c.conversation_id
    where c.conversation_id = any(${conversationIds}::text[]) and c.kind <> 'self'
      and c.last_seq > coalesce(p.indexed_seq, 0)`.execute(trx)
  return rows
}

export interface Changed {
  conversationId: string
  seq: number
  senderId: string
  type: string
  content: Record<string, unknown>
  digest: string | null
  sentAt: Date
  recalledAt: Date | null
}

/** The messages that stretches of logs bring or change, as they are now. */
export async function listChanged(
  trx: Transaction<Database>,
  stretches: { conversationId: string; after: number; upTo: number }[],
): Promise<Changed[]> {
  const { rows } = await changedQuery(stretches).execute(trx)
  return rows
}

/** Entries and what they change are looked up in this order, or a conversation would be read as a whole for each. */
export const changedQuery = (stretches: { conversationId: string; after: number; upTo: number }[]) =>
  sql<Changed>`
    select distinct on (t.conversation_id, t.seq)
      t.conversation_id, t.seq, t.sender_id, t.type, t.content, t.digest, t.sent_at, t.recalled_at
    from unnest(
      ${stretches.map(({ conversationId }) => conversationId)}::text[],
      ${stretches.map(({ after }) => after)}::bigint[],
      ${stretches.map(({ upTo }) => upTo)}::bigint[]
    ) as s (id, after, up_to)
    cross join lateral (
      select coalesce(e.target_seq, e.seq) as seq
      from entry e
      where e.conversation_id = s.id and e.seq > s.after and e.seq <= s.up_to and e.kind in ('message', 'edit', 'recall')
      offset 0
    ) e
    cross join lateral (
      select t.conversation_id, t.seq, t.sender_id, t.type, t.content, t.digest, t.sent_at, t.recalled_at
      from entry t
      where t.conversation_id = s.id and t.seq = e.seq and t.kind = 'message'
      limit 1
    ) t
    order by t.conversation_id, t.seq`

export async function upsertDocuments(
  trx: Transaction<Database>,
  documents: (Changed & { terms: string[] })[],
): Promise<void> {
  if (documents.length === 0) return
  await sql`
    insert into search_document (conversation_id, seq, sender_id, type, sent_at, terms)
    select d.id, d.seq, d.sender_id, d.type, d.sent_at,
      array_to_tsvector(array(select k.mark || t.term from jsonb_array_elements_text(d.terms) as t (term)))
    from unnest(
      ${documents.map(({ conversationId }) => conversationId)}::text[],
      ${documents.map(({ seq }) => seq)}::bigint[],
      ${documents.map(({ senderId }) => senderId)}::text[],
      ${documents.map(({ type }) => type)}::text[],
      ${documents.map(({ sentAt }) => sentAt)}::timestamptz[],
      ${documents.map(({ terms }) => JSON.stringify(terms))}::jsonb[]
    ) as d (id, seq, sender_id, type, sent_at, terms)
    cross join lateral (select ${markOf('d.id')} as mark) k
    on conflict (conversation_id, seq) do update set terms = excluded.terms`.execute(trx)
}

export async function removeDocuments(
  trx: Transaction<Database>,
  messages: { conversationId: string; seq: number }[],
): Promise<void> {
  if (messages.length === 0) return
  await sql`
    delete from search_document d
    using unnest(
      ${messages.map(({ conversationId }) => conversationId)}::text[], ${messages.map(({ seq }) => seq)}::bigint[]
    ) as g (id, seq)
    where d.conversation_id = g.id and d.seq = g.seq`.execute(trx)
}

export async function advanceProgress(
  trx: Transaction<Database>,
  stretches: { conversationId: string; upTo: number }[],
): Promise<void> {
  await sql`
    insert into search_progress (conversation_id, indexed_seq)
    select * from unnest(
      ${stretches.map(({ conversationId }) => conversationId)}::text[], ${stretches.map(({ upTo }) => upTo)}::bigint[])
    on conflict (conversation_id) do update set indexed_seq = excluded.indexed_seq`.execute(trx)
}

export async function removePending(trx: Transaction<Database>, pendingIds: number[]): Promise<void> {
  if (pendingIds.length === 0) return
  await trx.deleteFrom('searchPending').where('pendingId', 'in', pendingIds).execute()
}

/** Looks through the next conversations for some whose growth nobody noted; the last one looked at, if there are more. */
export async function noteForgotten(
  trx: Transaction<Database>,
  { after, limit }: { after: string; limit: number },
): Promise<string | undefined> {
  const { rows } = await sql<{ last: string | null; looked: number }>`
    with page as materialized (
      select conversation_id, kind, last_seq from conversation
      where conversation_id > ${after} order by conversation_id limit ${limit}
    ),
    noted as (
      insert into search_pending (conversation_ids)
      select array_agg(g.conversation_id)
      from page g
      left join search_progress p on p.conversation_id = g.conversation_id
      where g.kind <> 'self' and g.last_seq > coalesce(p.indexed_seq, 0)
      having count(*) > 0
    )
    select max(conversation_id) as last, count(*) as looked from page`.execute(trx)
  const [row] = rows
  return row && row.looked >= limit ? (row.last ?? undefined) : undefined
}
