import { type Kysely, sql } from 'kysely'

/** Null for members who never mark a message, which is nearly all of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table member add column read_seqs bigint[], add column unread_seqs bigint[]`.execute(db)
}
