import { type Kysely, sql } from 'kysely'
import type { ConversationKind, Database, EntryRow } from '../db/schema.ts'

export interface Span {
  conversationId: string
  firstSeq: number
  lastSeq: number
}

export async function removeDispatches(db: Kysely<Database>, dispatchIds: number[]): Promise<void> {
  await db.deleteFrom('dispatch').where('dispatchId', 'in', dispatchIds).execute()
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

export interface RingableEntry extends Omit<EntryRow, 'counted' | 'pushed' | 'count' | 'kind'> {
  kind: string
  conversationKind: ConversationKind
  name: string | null
  userIds: string[] | null
}

/** The newest entry of each span, with what its doorbell needs. */
export async function listNewest(db: Kysely<Database>, spans: Span[]): Promise<RingableEntry[]> {
  const { rows } = await sql<RingableEntry>`
    select e.conversation_id, e.seq, e.kind, e.sender_id, e.client_message_id, e.type, e.content, e.reply_to, e.mentions, e.ext,
      e.sent_at, e.edited_at, e.recalled_at, c.kind as conversation_kind, c.name, c.user_ids
    from unnest(${spans.map((span) => span.conversationId)}::text[], ${spans.map((span) => span.lastSeq)}::bigint[]) as s (id, seq)
    join conversation c on c.conversation_id = s.id
    join entry e on e.conversation_id = s.id and e.seq = s.seq`.execute(db)
  return rows
}
