import { type Kysely, sql } from 'kysely'

/** Until when somebody was silenced who left. Of those who left before this nobody knows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table former_member add column silenced_until timestamptz`.execute(db)
}
