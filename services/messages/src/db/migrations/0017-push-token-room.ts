import { type Kysely, sql } from 'kysely'

/** Room on each page for the badge that every alert writes, so that it touches no index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table push_token set (fillfactor = 70)`.execute(db)
}
