import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'

/** False if the id is taken, also by one that differs only in case. */
export async function insertAccount(
  db: Kysely<Database>,
  account: { userId: string; passwordHash: string; displayName: string | null },
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

/** Those of the ids that have an account. */
export async function listExisting(db: Kysely<Database>, userIds: string[]): Promise<Set<string>> {
  const rows = await db.selectFrom('account').select('userId').where('userId', 'in', userIds).execute()
  return new Set(rows.map(({ userId }) => userId))
}
