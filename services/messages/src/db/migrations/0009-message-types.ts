import { type Kysely, sql } from 'kysely'

/** What the app's own types say of themselves in each language, and how large they may be. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table message_type
      add column digests jsonb not null default '{}',
      add column max_bytes integer`.execute(db)
}
