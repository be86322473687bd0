import { type Kysely, sql } from 'kysely'

/** What a user wants to be told of, what alerts have been given and taken back, and what became of each push. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table member
      add column notify_level text not null default 'all',
      add column notify_until timestamptz,
      add column mention_all boolean not null default true,
      add column alerted_seq bigint not null default 0,
      add column alerted_after bigint not null default 0,
      add column alerted_by text,
      add column withdrawn_seq bigint not null default 0`.execute(db)
  await sql`update member set notify_level = 'none' where muted`.execute(db)
  await sql`alter table member drop column muted`.execute(db)

  await sql`
    create table notification_preference (
      user_id text collate "C" primary key references account on delete cascade,
      quiet_from text,
      quiet_until text,
      time_zone text,
      preview text not null default 'full'
    )`.execute(db)

  // The badge is what the device's app icon was told last; null before the first alert.
  await sql`alter table push_token add column locale text, add column badge integer`.execute(db)

  await sql`
    create table push_attempt (
      at timestamptz not null default now(),
      conversation_id text collate "C" not null,
      seq bigint not null,
      user_id text collate "C" not null,
      device_id text collate "C" not null,
      kind text not null,
      result text not null,
      reason text,
      provider_id text,
      audible boolean not null
    ) partition by range (at)`.execute(db)
  await sql`create index push_attempt_entry_idx on push_attempt (conversation_id, seq)`.execute(db)
  // Days get partitions of their own ahead of time; what finds none is kept all the same.
  await sql`create table push_attempt_other partition of push_attempt default`.execute(db)
}
