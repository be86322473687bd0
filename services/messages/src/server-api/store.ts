import { type Insertable, type Kysely, sql } from 'kysely'
import type { Database } from '../db/schema.ts'

export async function findUser(db: Kysely<Database>, userId: string) {
  return db
    .selectFrom('account')
    .select([
      'userId',
      'displayName',
      'avatar',
      'discoverable',
      'messagesFrom',
      'presenceTo',
      'createdAt',
      'suspendedAt',
      'suspensionReason',
    ])
    .where('userId', '=', userId)
    .executeTakeFirst()
}

/** The ids that are taken, by how they look in lower case, in which no two are the same. */
export async function listTaken(db: Kysely<Database>, folded: string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('account')
    .select(['userId', sql<string>`lower(user_id)`.as('folded')])
    .where(sql<string>`lower(user_id)`, 'in', folded)
    .execute()
  return new Map(rows.map((row) => [row.folded, row.userId]))
}

/** The ids of those who had no account. */
export async function insertUsers(
  db: Kysely<Database>,
  users: Insertable<Database['account']>[],
): Promise<string[]> {
  const rows = await db
    .insertInto('account')
    .values(users)
    .onConflict((conflict) => conflict.doNothing())
    .returning('userId')
    .execute()
  return rows.map(({ userId }) => userId)
}

/** Whether there is such a conversation, dissolved ones included. */
export async function findConversation(db: Kysely<Database>, conversationId: string) {
  return db
    .selectFrom('conversation')
    .select(['kind', 'dissolvedAt'])
    .where('conversationId', '=', conversationId)
    .executeTakeFirst()
}
