import { type Kysely, sql } from 'kysely'

const entryPartitions = 16

/** Ids are compared byte by byte ("C"): faster, and the same order on every server. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table account (
      user_id text collate "C" primary key,
      password_hash text not null,
      display_name text,
      created_at timestamptz not null default now()
    )`.execute(db)
  await sql`create unique index account_user_id_folded_key on account (lower(user_id))`.execute(db)

  await sql`
    create table device (
      user_id text collate "C" not null references account on delete cascade,
      device_id text collate "C" not null,
      platform text not null,
      last_seen_at timestamptz not null default now(),
      primary key (user_id, device_id)
    )`.execute(db)

  await sql`
    create table session (
      session_id uuid primary key,
      user_id text collate "C" not null,
      device_id text collate "C" not null,
      platform text not null,
      refresh_hash bytea not null,
      previous_hash bytea,
      rotated_at timestamptz not null default now(),
      expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      ended_at timestamptz,
      foreign key (user_id, device_id) references device on delete cascade
    )`.execute(db)
  await sql`create unique index session_refresh_hash_key on session (refresh_hash)`.execute(db)
  await sql`create index session_previous_hash_idx on session (previous_hash) where previous_hash is not null`.execute(
    db,
  )
  await sql`create index session_device_idx on session (user_id, device_id) where ended_at is null`.execute(
    db,
  )

  await sql`
    create table push_token (
      user_id text collate "C" not null,
      device_id text collate "C" not null,
      kind text not null,
      token text not null,
      topic text,
      environment text not null,
      updated_at timestamptz not null default now(),
      primary key (user_id, device_id, kind),
      constraint push_token_value_key unique (kind, token),
      foreign key (user_id, device_id) references device on delete cascade
    )`.execute(db)

  // Room on each page keeps the counters' updates off the indexes (HOT).
  await sql`
    create table conversation (
      conversation_id text collate "C" primary key,
      kind text not null,
      name text,
      user_ids text[],
      creator_id text collate "C" not null,
      created_at timestamptz not null default now(),
      last_seq bigint not null,
      last_count bigint not null,
      members_version bigint not null default 0,
      last_at timestamptz not null default now(),
      changed_xid xid8 not null default pg_current_xact_id()
    ) with (fillfactor = 70)`.execute(db)

  await sql`
    create table member (
      conversation_id text collate "C" not null references conversation on delete cascade,
      user_id text collate "C" not null references account on delete cascade,
      role text not null,
      joined_seq bigint not null,
      cleared_seq bigint not null default 0,
      delivered_seq bigint not null,
      read_seq bigint not null,
      notified_seq bigint not null,
      muted boolean not null default false,
      pinned boolean not null default false,
      changed_xid xid8 not null default pg_current_xact_id(),
      primary key (conversation_id, user_id)
    ) with (fillfactor = 80)`.execute(db)
  await sql`create index member_user_idx on member (user_id, conversation_id)`.execute(db)

  await sql`
    create table entry (
      conversation_id text collate "C" not null,
      seq bigint not null,
      kind text not null,
      sender_id text collate "C" not null,
      client_message_id text collate "C",
      type text not null,
      content jsonb not null,
      reply_to text,
      mentions jsonb,
      ext jsonb,
      counted boolean not null,
      pushed boolean not null,
      count bigint not null,
      sent_at timestamptz not null default now(),
      edited_at timestamptz,
      recalled_at timestamptz,
      primary key (conversation_id, seq),
      constraint entry_client_message_id_key unique (conversation_id, sender_id, client_message_id)
    ) partition by hash (conversation_id)`.execute(db)
  for (let remainder = 0; remainder < entryPartitions; remainder++) {
    await sql`
      create table ${sql.id(`entry_${String(remainder).padStart(2, '0')}`)} partition of entry
      for values with (modulus ${sql.lit(entryPartitions)}, remainder ${sql.lit(remainder)})`.execute(db)
  }

  await sql`
    create table media_reference (
      media_id uuid not null,
      conversation_id text collate "C" not null,
      seq bigint not null,
      primary key (media_id, conversation_id, seq)
    )`.execute(db)

  await sql`
    create table dispatch (
      dispatch_id bigint generated always as identity primary key,
      conversation_ids text[] not null,
      first_seqs bigint[] not null,
      last_seqs bigint[] not null,
      claimed_at timestamptz not null default now()
    )`.execute(db)

  // Cursors of another history (a restored copy, another cluster) must not be believed.
  await sql`create table log_epoch (epoch uuid primary key)`.execute(db)
  await sql`insert into log_epoch values (gen_random_uuid())`.execute(db)
}
