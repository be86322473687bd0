import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** To be called before an object is written, or in the transaction that ends the last reference to it. */
export async function doom(db: Kysely<Database>, keys: string[], inMs: number): Promise<void> {
  if (keys.length === 0) return
  await db
    .insertInto('doomedObject')
    .values(keys.map((key) => ({ key, dueAt: sql<Date>`now() + ${inMs} * interval '1 ms'` })))
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((eb) => ({ dueAt: eb.ref('excluded.dueAt') })),
    )
    .execute()
}

/**
 * False unless all of them were doomed and not yet due; the transaction must then be given up, because an
 * object that is due may be gone.
 */
export async function spare(trx: Transaction<Database>, keys: string[]): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('doomedObject')
    .where('key', 'in', keys)
    .where('dueAt', '>', sql<Date>`now()`)
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows) === keys.length
}

export async function listDue(db: Kysely<Database>, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('doomedObject')
    .select('key')
    .where('dueAt', '<=', sql<Date>`now()`)
    .orderBy('dueAt')
    .limit(limit)
    .execute()
  return rows.map(({ key }) => key)
}

/** To be called when the objects are gone. */
export async function forget(db: Kysely<Database>, keys: string[]): Promise<void> {
  if (keys.length === 0) return
  await db
    .deleteFrom('doomedObject')
    .where('key', 'in', keys)
    .where('dueAt', '<=', sql<Date>`now()`)
    .execute()
}
