import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** False if the id is taken, also by one that differs only in case. */
export async function insertAccount(
  db: Kysely<Database>,
  account: { userId: string; passwordHash: string | null; displayName: string | null },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('account')
    .values(account)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

export async function findAccount(db: Kysely<Database>, userId: string) {
  return db
    .selectFrom('account')
    .select(['userId', 'passwordHash', 'displayName'])
    .where('userId', '=', userId)
    .executeTakeFirst()
}

export async function updatePassword(
  trx: Transaction<Database>,
  userId: string,
  passwordHash: string,
): Promise<void> {
  await trx.updateTable('account').set({ passwordHash }).where('userId', '=', userId).execute()
}

/** False if there is no such account. A second suspension keeps the time of the first. */
export async function setSuspension(
  trx: Transaction<Database>,
  userId: string,
  suspension: { reason: string | null } | undefined,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('account')
    .set((eb) => ({
      suspendedAt: suspension ? eb.fn.coalesce('suspendedAt', sql<Date>`now()`) : null,
      suspensionReason: suspension?.reason ?? null,
    }))
    .where('userId', '=', userId)
    .executeTakeFirstOrThrow()
  return numUpdatedRows === 1n
}

/** Those of the ids that have an account. */
export async function listExisting(db: Kysely<Database>, userIds: string[]): Promise<Set<string>> {
  const rows = await db.selectFrom('account').select('userId').where('userId', 'in', userIds).execute()
  return new Set(rows.map(({ userId }) => userId))
}
