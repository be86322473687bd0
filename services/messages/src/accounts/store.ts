import { ownConversationId, type UserId } from '@parley/shared/ids'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { ConversationKind, Database } from '../db/schema.ts'
import { erasedReason } from './erased.ts'

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

/**
 * False if there is no such account, or it was deleted, which only a deletion may say again: nothing ends that, and no
 * other reason takes its place. A second suspension keeps the time of the first.
 */
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
    .$if(suspension?.reason !== erasedReason, (query) =>
      query.where('suspensionReason', 'is distinct from', erasedReason),
    )
    .executeTakeFirstOrThrow()
  return numUpdatedRows === 1n
}

/** Those of the ids that have an account which was not deleted. */
export async function listExisting(db: Kysely<Database>, userIds: string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('account')
    .select('userId')
    .where('userId', 'in', userIds)
    .where('suspensionReason', 'is distinct from', erasedReason)
    .execute()
  return new Set(rows.map(({ userId }) => userId))
}

/** Conversations of these kinds that the user is in. */
export async function listConversations(
  db: Kysely<Database>,
  { userId, kinds, limit }: { userId: string; kinds: ConversationKind[]; limit: number | null },
): Promise<string[]> {
  const rows = await db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select('m.conversationId')
    .where('m.userId', '=', userId)
    .where('c.kind', 'in', kinds)
    .$if(limit !== null, (query) => query.limit(limit ?? 0))
    .execute()
  return rows.map(({ conversationId }) => conversationId)
}

/** The kinds of the groups that the user is in. */
export async function listPolicies(db: Kysely<Database>, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select('c.policy')
    .distinct()
    .where('m.userId', '=', userId)
    .execute()
  return rows.flatMap(({ policy }) => policy ?? [])
}

/** Nobody writes there any more, since nobody reads it. */
export async function closeDirect(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
): Promise<void> {
  await sql`
    update conversation set members_version = members_version + 1
    where conversation_id = ${conversationId}`.execute(trx)
  await trx
    .updateTable('member')
    .set({ barred: 'stranger' })
    .where('conversationId', '=', conversationId)
    .where('userId', '<>', userId)
    .execute()
}

/** What is left is an id that is taken. */
export async function eraseAccount(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx
    .updateTable('account')
    .set({
      displayName: null,
      avatar: null,
      passwordHash: null,
      discoverable: false,
      messagesFrom: 'contacts',
    })
    .where('userId', '=', userId)
    .execute()
  await trx.deleteFrom('device').where('userId', '=', userId).execute()
  await trx.deleteFrom('contact').where('userId', '=', userId).execute()
  await trx.deleteFrom('notificationPreference').where('userId', '=', userId).execute()
  await trx
    .updateTable('entry')
    .set({ content: '{}', digest: null, ext: null })
    .where('conversationId', '=', ownConversationId(userId as UserId))
    .execute()
}
