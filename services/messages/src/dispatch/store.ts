import { type Kysely, sql } from 'kysely'
import type { ConversationKind, Database } from '../db/schema.ts'
import type { LogRow } from '../log/entry.ts'
import { entryColumns } from '../log/store.ts'

export interface Span {
  conversationId: string
  firstSeq: number
  lastSeq: number
}

/** To whom what was dispatched is left, in the statement that forgets it: a crash loses neither. */
export interface Heirs {
  /** The search index. */
  toIndex: boolean
  toWebhooks: boolean
}

export async function removeDispatches(
  db: Kysely<Database>,
  dispatchIds: number[],
  { toIndex, toWebhooks }: Heirs,
): Promise<void> {
  if (!toIndex && !toWebhooks) {
    await db.deleteFrom('dispatch').where('dispatchId', 'in', dispatchIds).execute()
    return
  }
  await sql`
    with removed as (
      delete from dispatch where dispatch_id = any(${dispatchIds}::bigint[])
      returning conversation_ids, first_seqs, last_seqs
    ),
    indexed as (
      insert into search_pending (conversation_ids)
      select array_agg(distinct id) from removed, unnest(conversation_ids) as ids (id) where ${toIndex} having count(*) > 0
    )
    insert into webhook_outbox (conversation_id, first_seq, last_seq)
    select s.id, s.first_seq, s.last_seq
    from removed, unnest(conversation_ids, first_seqs, last_seqs) as s (id, first_seq, last_seq)
    where ${toWebhooks}`.execute(db)
}

/** Dispatches nobody has seen to for a while, taken by this caller for as long again. */
export async function claimOverdue(
  db: Kysely<Database>,
  { overdueMs, limit }: { overdueMs: number; limit: number },
) {
  const overdue = sql<Date>`now() - ${overdueMs} * interval '1 millisecond'`
  return db
    .updateTable('dispatch')
    .set({ claimedAt: sql`now()` })
    .where('dispatchId', 'in', (eb) =>
      eb
        .selectFrom('dispatch')
        .select('dispatchId')
        .where('claimedAt', '<', overdue)
        .orderBy('dispatchId')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['dispatchId', 'conversationIds', 'firstSeqs', 'lastSeqs'])
    .execute()
}

/** Dispatches that are not all out, counted no further than the limit. */
export async function countDispatches(db: Kysely<Database>, limit: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (select from dispatch limit ${limit}) some`.execute(db)
  return rows[0]?.count ?? 0
}

export interface RingableEntry extends LogRow {
  conversationKind: ConversationKind
  policy: string | null
  name: string | null
  avatarUrl: string | null
  userIds: string[] | null
}

/** The newest entry of each span, with what its doorbell needs. */
export async function listNewest(db: Kysely<Database>, spans: Span[]): Promise<RingableEntry[]> {
  const columns = sql.join(entryColumns.map((column) => sql.ref(`e.${column}`)))
  const { rows } = await sql<RingableEntry>`
    select ${columns}, c.kind as conversation_kind, c.policy, c.name, c.avatar_url, c.user_ids
    from unnest(${spans.map((span) => span.conversationId)}::text[], ${spans.map((span) => span.lastSeq)}::bigint[]) as s (id, seq)
    join conversation c on c.conversation_id = s.id
    join entry e on e.conversation_id = s.id and e.seq = s.seq`.execute(db)
  return rows
}
