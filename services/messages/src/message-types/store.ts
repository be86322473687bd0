import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { MessageType } from './message-type.ts'

/** All of them; a registration keeps their number small. */
export async function listTypes(db: Kysely<Database>): Promise<MessageType[]> {
  const rows = await db
    .selectFrom('messageType')
    .select(['type', 'stored', 'counted', 'pushed', 'synced', 'digest', 'digests', 'maxBytes'])
    .orderBy('type')
    .execute()
  return rows.map(({ stored, counted, pushed, synced, ...type }) => ({
    ...type,
    switches: { stored, counted, pushed, synced },
  }))
}

/** Registrations take turns, so that their number can be checked. */
export async function lockTypes(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('message_type', 0))`.execute(trx)
}

export async function upsertType(
  trx: Transaction<Database>,
  { switches, ...type }: MessageType,
): Promise<void> {
  const row = { ...type, ...switches, digests: JSON.stringify(type.digests) }
  await trx
    .insertInto('messageType')
    .values(row)
    .onConflict((conflict) => conflict.column('type').doUpdateSet({ ...row, updatedAt: sql`now()` }))
    .execute()
}

/** False if there is no such type. */
export async function removeType(db: Kysely<Database>, type: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('messageType')
    .where('type', '=', type)
    .executeTakeFirstOrThrow()
  return numDeletedRows === 1n
}
