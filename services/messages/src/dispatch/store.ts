import { type Kysely, sql } from 'kysely'
import type { ConversationKind, Database } from '../db/schema.ts'
import type { LogRow } from '../log/entry.ts'
import { entryColumns } from '../log/store.ts'

export interface Span {
  conversationId: string
  firstSeq: number
  lastSeq: number
}

/** With `toIndex`, what they were about is left to the search index, in the same statement: a crash loses neither. */
export async function removeDispatches(
  db: Kysely<Database>,
  dispatchIds: number[],
  { toIndex }: { toIndex: boolean },
): Promise<void> {
  const removing = db.deleteFrom('dispatch').where('dispatchId', 'in', dispatchIds)
  if (!toIndex) return void (await removing.execute())
  await db
    .with('removed', () => removing.returning('conversationIds'))
    .insertInto('searchPending')
    .columns(['conversationIds'])
    .expression((eb) => eb.selectFrom('removed').select('conversationIds'))
    .execute()
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
