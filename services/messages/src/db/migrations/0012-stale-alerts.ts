import { type Kysely, sql } from 'kysely'

/** Alerts that devices may still show though they hold no longer, until the devices have been told. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table stale_alert (
      user_id text collate "C" not null,
      conversation_id text collate "C" not null,
      seq bigint not null,
      and_before boolean not null,
      noted_xid xid8 not null default pg_current_xact_id(),
      noted_at timestamptz not null default now(),
      primary key (user_id, conversation_id, seq)
    )`.execute(db)
}
