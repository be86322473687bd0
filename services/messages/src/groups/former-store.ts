import type { Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'

/** Until when those of the users who were members before are silenced; they are former ones no more. */
export async function forgetFormer(
  trx: Transaction<Database>,
  conversationId: string,
  userIds: string[],
): Promise<Map<string, Date | null>> {
  const rows = await trx
    .deleteFrom('formerMember')
    .where('conversationId', '=', conversationId)
    .where('userId', 'in', userIds)
    .returning(['userId', 'silencedUntil'])
    .execute()
  return new Map(rows.map(({ userId, silencedUntil }) => [userId, silencedUntil]))
}

/** False if they never were a member. Their devices need not hear of it: it says nothing until they come back. */
export async function silenceFormer(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
  silencedUntil: Date | null,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('formerMember')
    .set({ silencedUntil })
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
