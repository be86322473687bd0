import { type Kysely, sql } from 'kysely'

/**
 * Who came late or cleared a log, and who deleted what for themselves, by conversation: an edit asks for one of them while
 * nobody can send. The first has hardly anybody of groups that show newcomers everything, and nearly everybody of those that show
 * what came since they joined. No receipt changes what either is made of.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index member_floor_idx on member (conversation_id, (greatest(joined_seq, cleared_seq)))
    where greatest(joined_seq, cleared_seq) > 0`.execute(db)
  await sql`create index hidden_entry_conversation_idx on hidden_entry (conversation_id, seq)`.execute(db)
}
