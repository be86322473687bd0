import { type Kysely, sql } from 'kysely'

/** The same as those of `entry`, so that what is moved or spread there can be so here. */
const partitions = 16

/** What is there already is found and indexed by the service, a little at a time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search_document (
      conversation_id text collate "C" not null,
      seq bigint not null,
      sender_id text collate "C" not null,
      type text not null,
      sent_at timestamptz not null,
      terms tsvector not null,
      primary key (conversation_id, seq)
    ) partition by hash (conversation_id)`.execute(db)
  for (let remainder = 0; remainder < partitions; remainder++) {
    await sql`
      create table ${sql.id(`search_document_${String(remainder).padStart(2, '0')}`)} partition of search_document
      for values with (modulus ${sql.lit(partitions)}, remainder ${sql.lit(remainder)})`.execute(db)
  }
  // Without its list of pending entries, which every search would have to read through.
  await sql`create index search_document_terms_idx on search_document using gin (terms) with (fastupdate = off)`.execute(
    db,
  )

  await sql`
    create table search_progress (
      conversation_id text collate "C" primary key references conversation on delete cascade,
      indexed_seq bigint not null
    ) with (fillfactor = 80)`.execute(db)

  await sql`
    create table search_pending (
      pending_id bigint generated always as identity primary key,
      conversation_ids text[] not null,
      created_at timestamptz not null default now()
    )`.execute(db)
}
