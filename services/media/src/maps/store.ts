import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** The key of a map's object, while it may be shown. */
export async function findMap(db: Kysely<Database>, place: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('mapPicture')
    .select('objectKey')
    .where('place', '=', place)
    .where('expiresAt', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return row?.objectKey
}

/** Keeps a map in the place of an older one, whose key it gives back. */
export async function putMap(
  trx: Transaction<Database>,
  map: { place: string; objectKey: string; keepMs: number },
): Promise<string | undefined> {
  const { place, objectKey, keepMs } = map
  // A row that is not there yet cannot be locked, and two instances may bring the first one at once.
  await sql`select pg_advisory_xact_lock(hashtextextended('map:' || ${place}, 0))`.execute(trx)
  const before = await trx
    .selectFrom('mapPicture')
    .select('objectKey')
    .where('place', '=', place)
    .forUpdate()
    .executeTakeFirst()
  const expiresAt = sql<Date>`now() + ${keepMs} * interval '1 ms'`
  await trx
    .insertInto('mapPicture')
    .values({ place, objectKey, expiresAt })
    .onConflict((conflict) => conflict.column('place').doUpdateSet({ objectKey, expiresAt }))
    .execute()
  return before?.objectKey
}

/** Takes a page of maps away that are too old, and gives back their keys. */
export async function removeOldMaps(trx: Transaction<Database>, limit: number): Promise<string[]> {
  const rows = await trx
    .deleteFrom('mapPicture')
    .where('place', 'in', (eb) =>
      eb
        .selectFrom('mapPicture')
        .select('place')
        .where('expiresAt', '<=', sql<Date>`now()`)
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning('objectKey')
    .execute()
  return rows.map(({ objectKey }) => objectKey)
}
