import { type Kysely, sql } from 'kysely'

/** What the list showed of a conversation when its user hid it. `hidden_at` says it to the release before, and says it there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table member add column hidden_seq bigint`.execute(db)
}
