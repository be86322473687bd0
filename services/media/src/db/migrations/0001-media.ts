import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table media (
      id uuid constraint media_pkey primary key,
      owner_id text not null,
      status text not null default 'pending'
        constraint media_status_check check (status in ('pending', 'processing', 'ready', 'failed')),
      failure text,
      file_name text not null,
      declared_type text not null,
      content_type text,
      size_bytes bigint not null,
      width int,
      height int,
      thumbnail_width int,
      thumbnail_height int,
      thumbhash text,
      incoming_key text not null,
      object_key text,
      thumbnail_key text,
      unanswered_runs int not null default 0,
      requeues int not null default 0,
      check_at timestamptz,
      expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      constraint media_ready_check check (status <> 'ready' or (object_key is not null and content_type is not null))
    )`.execute(db)
  await sql`create index media_pending_owner_idx on media (owner_id) where status = 'pending'`.execute(db)
  await sql`create index media_pending_expires_idx on media (expires_at) where status = 'pending'`.execute(db)
  await sql`create index media_processing_check_idx on media (check_at) where status = 'processing'`.execute(
    db,
  )
  await sql`
    create table doomed_object (
      key text constraint doomed_object_pkey primary key,
      due_at timestamptz not null
    )`.execute(db)
  await sql`create index doomed_object_due_idx on doomed_object (due_at)`.execute(db)
}
