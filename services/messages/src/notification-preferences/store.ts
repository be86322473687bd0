import { type Kysely, sql } from 'kysely'
import type { Database, NotifyLevel, Preview } from '../db/schema.ts'

export interface ConversationNotifications {
  level: NotifyLevel
  until: Date | null
  mentionAll: boolean
}

export async function findForConversation(
  db: Kysely<Database>,
  userId: string,
  conversationId: string,
): Promise<ConversationNotifications | undefined> {
  return db
    .selectFrom('member')
    .select(['notifyLevel as level', 'notifyUntil as until', 'mentionAll'])
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
}

/**
 * False if the user is not a member. What came before is not told afterwards: who hears more from now on would
 * otherwise be told of everything that was silenced.
 */
export async function setForConversation(
  db: Kysely<Database>,
  { userId, conversationId }: { userId: string; conversationId: string },
  { level, until, mentionAll }: ConversationNotifications,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update member m set
      notify_level = ${level}, notify_until = ${until}, mention_all = ${mentionAll},
      notified_seq = case when m.notify_level = 'all' then m.notified_seq
        else greatest(m.notified_seq, c.last_seq) end
    from conversation c
    where m.conversation_id = ${conversationId} and m.user_id = ${userId} and c.conversation_id = m.conversation_id`.execute(
    db,
  )
  return numAffectedRows === 1n
}

export interface AccountNotifications {
  quietHours: { from: string; until: string; timeZone: string } | null
  preview: Preview
}

export async function findForAccount(db: Kysely<Database>, userId: string): Promise<AccountNotifications> {
  const row = await db
    .selectFrom('notificationPreference')
    .selectAll()
    .where('userId', '=', userId)
    .executeTakeFirst()
  const { quietFrom: from, quietUntil: until, timeZone } = row ?? {}
  return {
    quietHours: from && until && timeZone ? { from, until, timeZone } : null,
    preview: row?.preview ?? 'full',
  }
}

export async function setForAccount(
  db: Kysely<Database>,
  userId: string,
  { quietHours, preview }: AccountNotifications,
): Promise<void> {
  const values = {
    quietFrom: quietHours?.from ?? null,
    quietUntil: quietHours?.until ?? null,
    timeZone: quietHours?.timeZone ?? null,
    preview,
  }
  await db
    .insertInto('notificationPreference')
    .values({ userId, ...values })
    .onConflict((conflict) => conflict.column('userId').doUpdateSet(values))
    .execute()
}
