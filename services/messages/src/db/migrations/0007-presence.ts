import { type Kysely, sql } from 'kysely'

/** Who may see when a user is there, and when the user was there last. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table account add column presence_to text not null default 'everyone'`.execute(db)
  // Of its own, because it changes whenever somebody leaves and an account hardly ever does.
  await sql`
    create table last_seen (
      user_id text collate "C" primary key references account on delete cascade,
      at timestamptz not null
    ) with (fillfactor = 70)`.execute(db)
}
