import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table media add column collect_at timestamptz not null default now() + interval '1 day'`.execute(db)
  await sql`create index media_collect_idx on media (collect_at) where status in ('ready', 'failed')`.execute(
    db,
  )
}
