import { type Kysely, sql, type Transaction } from 'kysely'
import { plainArray, textArray } from '../db/array-literal.ts'
import type { Database } from '../db/schema.ts'
import type { Behind, Stretch } from './share-out.ts'
import { vectorOf } from './vector.ts'

/** Held until the transaction ends by the one instance that indexes; false if that is another. */
export async function holdIndex(trx: Transaction<Database>): Promise<boolean> {
  const { rows } = await sql<{ held: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended('parley-search-index', 0)) as held`.execute(trx)
  return rows[0]?.held === true
}

/** How long the oldest growth waits to be indexed; 0 if none does. */
export async function findLagSeconds(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ lag: number }>`
    select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as lag
    from search_pending`.execute(db)
  return rows[0]?.lag ?? 0
}

export interface Pending {
  pendingId: number
  conversationIds: string[]
  createdAt: Date
}

/** The oldest notes, until they hold so many names. Names come as JSON, which is read natively. */
export async function listPending(
  trx: Transaction<Database>,
  { rows: most, names }: { rows: number; names: number },
): Promise<Pending[]> {
  const { rows } = await sql<Pending>`
    select pending_id, to_json(conversation_ids) as conversation_ids, created_at
    from (
      select *, sum(cardinality(conversation_ids)) over (order by pending_id) - cardinality(conversation_ids) as before
      from (select * from search_pending order by pending_id limit ${most}) oldest
    ) counted
    where before < ${names}
    order by pending_id`.execute(trx)
  return rows
}

/** Of these conversations, those whose logs go on after what is indexed, in the order in which they are named. */
export async function listBehind(trx: Transaction<Database>, conversationIds: string[]): Promise<Behind[]> {
  const { rows } = await sql<Behind>`
    select c.conversation_id, coalesce(p.indexed_seq, 0) as indexed_seq, c.last_seq
    from conversation c
    left join search_progress p on p.conversation_id = c.conversation_id
    where c.conversation_id = any(${conversationIds}::text[]) and c.kind <> 'self'
      and c.last_seq > coalesce(p.indexed_seq, 0)`.execute(trx)
  const found = new Map(rows.map((row) => [row.conversationId, row]))
  return conversationIds.flatMap((id) => found.get(id) ?? [])
}

export interface Changed {
  conversationId: string
  seq: number
  senderId: string
  type: string
  content: Record<string, unknown>
  digest: string | null
  /** As Postgres writes it, to the microsecond. */
  sentAt: string
  recalledAt: Date | null
}

/** The messages that stretches of logs bring or change, as they are now. */
export async function listChanged(trx: Transaction<Database>, stretches: Stretch[]): Promise<Changed[]> {
  const { rows } = await changedQuery(stretches).execute(trx)
  return rows
}

/**
 * What a stretch brings stands in it, and what it changes before it or in it; each message comes once. `offset` and
 * `limit` keep to the key, or a conversation would be read as a whole.
 */
export const changedQuery = (stretches: Stretch[]) =>
  sql<Changed>`
    select t.conversation_id, t.seq, t.sender_id, t.type, t.content, t.digest, t.sent_at::text, t.recalled_at
    from unnest(
      ${stretches.map(({ conversationId }) => conversationId)}::text[],
      ${stretches.map(({ after }) => after)}::bigint[],
      ${stretches.map(({ upTo }) => upTo)}::bigint[]
    ) as s (id, after, up_to)
    cross join lateral (
      select e.conversation_id, e.seq, e.sender_id, e.type, e.content, e.digest, e.sent_at, e.recalled_at
      from entry e
      where e.conversation_id = s.id and e.seq > s.after and e.seq <= s.up_to and e.kind = 'message'
      union all
      select t.conversation_id, t.seq, t.sender_id, t.type, t.content, t.digest, t.sent_at, t.recalled_at
      from (
        select distinct c.target_seq
        from (
          select c.target_seq
          from entry c
          where c.conversation_id = s.id and c.seq > s.after and c.seq <= s.up_to and c.kind in ('edit', 'recall')
          offset 0
        ) c
        where c.target_seq <= s.after
      ) c
      cross join lateral (
        select t.conversation_id, t.seq, t.sender_id, t.type, t.content, t.digest, t.sent_at, t.recalled_at
        from entry t
        where t.conversation_id = s.id and t.seq = c.target_seq and t.kind = 'message'
        limit 1
      ) t
    ) t`

/** Vectors come as text, which Postgres reads in a third of the time it takes to make them from lists of terms. */
export async function upsertDocuments(
  trx: Transaction<Database>,
  documents: (Changed & { terms: string[] })[],
): Promise<void> {
  if (documents.length === 0) return
  await sql`
    insert into search_document (conversation_id, seq, sender_id, type, sent_at, terms)
    select * from unnest(
      ${textArray(documents.map(({ conversationId }) => conversationId))}::text[],
      ${plainArray(documents.map(({ seq }) => seq))}::bigint[],
      ${textArray(documents.map(({ senderId }) => senderId))}::text[],
      ${textArray(documents.map(({ type }) => type))}::text[],
      ${textArray(documents.map(({ sentAt }) => sentAt))}::timestamptz[],
      ${textArray(documents.map(vectorOf))}::tsvector[]
    )
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

export async function advanceProgress(trx: Transaction<Database>, stretches: Stretch[]): Promise<void> {
  await sql`
    insert into search_progress (conversation_id, indexed_seq)
    select * from unnest(
      ${stretches.map(({ conversationId }) => conversationId)}::text[], ${stretches.map(({ upTo }) => upTo)}::bigint[])
    on conflict (conversation_id) do update set indexed_seq = excluded.indexed_seq`.execute(trx)
}

/**
 * Takes notes away and leaves what is not done: conversations that had nothing of the round stay in front, those that
 * had their share go behind all others. So none waits for one that never rests. What is left of a conversation has been
 * waiting since the newest of what was taken of it was sent; where that is not known, since the note.
 */
export async function replacePending(
  trx: Transaction<Database>,
  pending: Pending[],
  left: { untouched: string[]; unfinished: { conversationId: string; takenTo: Date | undefined }[] },
): Promise<void> {
  const [oldest] = pending
  if (!oldest) return
  const ids = pending.map(({ pendingId }) => pendingId)
  await trx.deleteFrom('searchPending').where('pendingId', 'in', ids).execute()
  const notedAt = new Map(
    pending.toReversed().flatMap((note) => note.conversationIds.map((id) => [id, note.createdAt] as const)),
  )
  const earliest = (times: (Date | undefined)[]) =>
    new Date(Math.min(...times.map((time) => (time ?? oldest.createdAt).getTime())))
  if (left.untouched.length > 0)
    await sql`
      insert into search_pending (pending_id, conversation_ids, created_at) overriding system value
      values (
        ${oldest.pendingId}, ${textArray(left.untouched)}::text[],
        ${earliest(left.untouched.map((id) => notedAt.get(id)))}
      )`.execute(trx)
  if (left.unfinished.length > 0)
    await sql`
      insert into search_pending (conversation_ids, created_at)
      values (
        ${textArray(left.unfinished.map(({ conversationId }) => conversationId))}::text[],
        ${earliest(left.unfinished.map(({ conversationId, takenTo }) => takenTo ?? notedAt.get(conversationId)))}
      )`.execute(trx)
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
