import { type Kysely, sql } from 'kysely'

/** What Web Push payloads are encrypted to, and when a member's watermarks last moved. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table push_token add column keys jsonb`.execute(db)
  await sql`alter table member add column delivered_at timestamptz, add column read_at timestamptz`.execute(
    db,
  )
}
