import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table conversation
      add column policy text,
      add column avatar_url text,
      add column notice text,
      add column introduction text,
      add column join_by text,
      add column stores boolean not null default true,
      add column counts boolean not null default true,
      add column members_mention_all boolean not null default true,
      add column all_silenced boolean not null default false,
      add column dissolved_at timestamptz,
      add column shown_seq bigint not null default 0,
      add column entry_at timestamptz not null default now()`.execute(db)
  await sql`update conversation set shown_seq = last_seq`.execute(db)
  await sql`update conversation set policy = 'private', join_by = 'invitation' where kind = 'group'`.execute(
    db,
  )

  await sql`
    alter table member
      add column joined_at timestamptz not null default now(),
      add column silenced_until timestamptz,
      add column speaks_always boolean not null default false,
      add column hidden_at timestamptz,
      add column hides_entries boolean not null default false`.execute(db)

  await sql`
    alter table entry
      add column target_seq bigint,
      add column digest text,
      add column synced boolean not null default true,
      add column reactions jsonb`.execute(db)
  // Messages have no target, so an ordinary send does not touch this index.
  await sql`create index entry_target_idx on entry (conversation_id, target_seq) where target_seq is not null`.execute(
    db,
  )

  await sql`
    create table hidden_entry (
      user_id text collate "C" not null,
      conversation_id text collate "C" not null,
      seq bigint not null,
      primary key (user_id, conversation_id, seq),
      foreign key (conversation_id, user_id) references member on delete cascade
    )`.execute(db)

  await sql`
    create table former_member (
      user_id text collate "C" not null references account on delete cascade,
      conversation_id text collate "C" not null references conversation on delete cascade,
      reason text not null,
      ended_by text collate "C" not null,
      note text,
      ended_at timestamptz not null default now(),
      changed_xid xid8 not null default pg_current_xact_id(),
      primary key (user_id, conversation_id)
    )`.execute(db)

  await sql`
    create table join_request (
      conversation_id text collate "C" not null references conversation on delete cascade,
      user_id text collate "C" not null references account on delete cascade,
      invited_by text collate "C",
      greeting text,
      created_at timestamptz not null default now(),
      primary key (conversation_id, user_id)
    )`.execute(db)
  await sql`create index join_request_user_idx on join_request (user_id)`.execute(db)

  await sql`
    create table expulsion (
      conversation_id text collate "C" not null references conversation on delete cascade,
      user_id text collate "C" not null references account on delete cascade,
      expelled_by text collate "C" not null,
      reason text,
      created_at timestamptz not null default now(),
      primary key (conversation_id, user_id)
    )`.execute(db)

  await sql`
    create table message_type (
      type text collate "C" primary key,
      stored boolean not null,
      counted boolean not null,
      pushed boolean not null,
      synced boolean not null,
      digest text,
      updated_at timestamptz not null default now()
    )`.execute(db)
}
