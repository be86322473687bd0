import { type Kysely, sql } from 'kysely'

/**
 * Who came late or cleared a log, and who deleted what for themselves, by conversation: an edit asks for one of them while
 * nobody can send. Neither index has anything of most members, and no receipt changes what they are made of.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index member_floor_idx on member (conversation_id, (greatest(joined_seq, cleared_seq)))
    where greatest(joined_seq, cleared_seq) > 0`.execute(db)
  await sql`create index hidden_entry_conversation_idx on hidden_entry (conversation_id, seq)`.execute(db)
}
