import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table map_picture (
      place text constraint map_picture_pkey primary key,
      object_key text not null,
      expires_at timestamptz not null
    )`.execute(db)
  await sql`create index map_picture_expires_idx on map_picture (expires_at)`.execute(db)
}
