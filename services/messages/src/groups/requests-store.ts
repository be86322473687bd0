import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** Somebody who asks, or is proposed; asking again changes nothing. */
export async function insertRequests(
  trx: Transaction<Database>,
  requests: { conversationId: string; userId: string; invitedBy: string | null; greeting: string | null }[],
): Promise<void> {
  if (requests.length === 0) return
  await trx
    .insertInto('joinRequest')
    .values(requests)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function countRequests(db: Kysely<Database>, conversationId: string): Promise<number> {
  const { count } = await db
    .selectFrom('joinRequest')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('conversationId', '=', conversationId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** True if there was one. */
export async function removeRequests(
  trx: Transaction<Database>,
  conversationId: string,
  userIds: string[],
): Promise<boolean> {
  if (userIds.length === 0) return false
  const { numDeletedRows } = await trx
    .deleteFrom('joinRequest')
    .where('conversationId', '=', conversationId)
    .where('userId', 'in', userIds)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** A page of those who wait, by user id. */
export async function listRequests(
  db: Kysely<Database>,
  conversationId: string,
  page: { after: string; limit: number },
) {
  return db
    .selectFrom('joinRequest as r')
    .innerJoin('account as a', 'a.userId', 'r.userId')
    .select(['r.userId', 'r.invitedBy', 'r.greeting', 'r.createdAt', 'a.displayName'])
    .where('r.conversationId', '=', conversationId)
    .where('r.userId', '>', page.after)
    .orderBy('r.userId')
    .limit(page.limit)
    .execute()
}

/** Remembers that these may not come back by themselves. */
export async function insertExpulsions(
  trx: Transaction<Database>,
  expulsions: { conversationId: string; userId: string; expelledBy: string; reason: string | null }[],
): Promise<void> {
  await trx
    .insertInto('expulsion')
    .values(expulsions)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function isExpelled(
  db: Kysely<Database>,
  conversationId: string,
  userId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('expulsion')
    .select('userId')
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
  return row !== undefined
}

export async function removeExpulsions(
  trx: Kysely<Database>,
  conversationId: string,
  userIds: string[],
): Promise<void> {
  if (userIds.length === 0) return
  await trx
    .deleteFrom('expulsion')
    .where('conversationId', '=', conversationId)
    .where('userId', 'in', userIds)
    .execute()
}
