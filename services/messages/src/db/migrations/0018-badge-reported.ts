import { type Kysely, sql } from 'kysely'

/** When the badge of a device was reported last: alerts that were on their way together may have arrived in any order. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table push_token add column badge_xid xid8 not null default '0'`.execute(db)
}
