import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index media_quota_idx on media (owner_id) include (size_bytes) where status <> 'failed'`.execute(
    db,
  )
}
