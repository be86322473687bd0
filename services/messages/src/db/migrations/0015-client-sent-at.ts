import { type Kysely, sql } from 'kysely'

/** As text, so that what a client said comes back as it said it: its offset, and as many digits as it wrote. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table entry add column client_sent_at text`.execute(db)
}
