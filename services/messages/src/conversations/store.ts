import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database, Role } from '../db/schema.ts'

export interface NewGroup {
  conversationId: string
  name: string
  ownerId: string
  /** The owner left out. */
  userIds: string[]
}

/** False if the id is taken. The group begins with one entry, its creation. */
export async function insertGroup(trx: Transaction<Database>, group: NewGroup): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('conversation')
    .values({
      conversationId: group.conversationId,
      kind: 'group',
      name: group.name,
      userIds: null,
      creatorId: group.ownerId,
      lastSeq: 0,
      lastCount: 0,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

/** Adds members who see what comes after `joinedSeq`, and names those who were not in it before. */
export async function insertMembers(
  trx: Transaction<Database>,
  conversationId: string,
  members: { userId: string; role: Role }[],
  joinedSeq: number,
): Promise<string[]> {
  if (members.length === 0) return []
  const rows = await trx
    .insertInto('member')
    .values(
      members.map(({ userId, role }) => ({
        conversationId,
        userId,
        role,
        joinedSeq,
        deliveredSeq: joinedSeq,
        readSeq: joinedSeq,
        notifiedSeq: joinedSeq,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('userId')
    .execute()
  return rows.map(({ userId }) => userId)
}

/** Holds the conversation until the transaction ends: nobody sends and nobody joins meanwhile. */
export async function lockConversation(trx: Transaction<Database>, conversationId: string) {
  return trx
    .selectFrom('conversation')
    .select(['conversationId', 'kind', 'name', 'userIds', 'lastSeq', 'lastCount'])
    .where('conversationId', '=', conversationId)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

export async function findRole(
  db: Kysely<Database>,
  conversationId: string,
  userId: string,
): Promise<Role | undefined> {
  const row = await db
    .selectFrom('member')
    .select('role')
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
  return row?.role
}

export interface Notice {
  conversationId: string
  senderId: string
  kind: string
  type: string
  content: Record<string, unknown>
}

/**
 * Appends an entry that tells of a change of the conversation itself, and notes the announcement. The caller
 * holds the conversation. The members' version grows with it, so that no send rests on the members before.
 */
export async function appendNotice(trx: Transaction<Database>, notice: Notice) {
  const { lastSeq: seq, lastCount } = await trx
    .updateTable('conversation')
    .set((eb) => ({
      lastSeq: eb('lastSeq', '+', 1),
      membersVersion: eb('membersVersion', '+', 1),
      lastAt: sql`now()`,
      changedXid: sql`pg_current_xact_id()`,
    }))
    .where('conversationId', '=', notice.conversationId)
    .returning(['lastSeq', 'lastCount'])
    .executeTakeFirstOrThrow()
  const { sentAt } = await trx
    .insertInto('entry')
    .values({
      ...notice,
      seq,
      content: JSON.stringify(notice.content),
      clientMessageId: null,
      replyTo: null,
      mentions: null,
      ext: null,
      counted: false,
      pushed: false,
      count: lastCount,
      editedAt: null,
      recalledAt: null,
    })
    .returning('sentAt')
    .executeTakeFirstOrThrow()
  const { dispatchId } = await trx
    .insertInto('dispatch')
    .values({ conversationIds: [notice.conversationId], firstSeqs: [seq], lastSeqs: [seq] })
    .returning('dispatchId')
    .executeTakeFirstOrThrow()
  return { seq, sentAt, dispatchId }
}

/** A page of members by user id. */
export async function listMembers(
  db: Kysely<Database>,
  conversationId: string,
  page: { after: string; limit: number },
) {
  return db
    .selectFrom('member as m')
    .innerJoin('account as a', 'a.userId', 'm.userId')
    .select(['m.userId', 'm.role', 'a.displayName'])
    .where('m.conversationId', '=', conversationId)
    .where('m.userId', '>', page.after)
    .orderBy('m.userId')
    .limit(page.limit)
    .execute()
}

/** Those of the users who are in as many groups as anyone may be. */
export async function listFull(db: Kysely<Database>, userIds: string[], limit: number): Promise<Set<string>> {
  const rows = await db
    .selectFrom('member')
    .select('userId')
    .where('userId', 'in', userIds)
    .groupBy('userId')
    .having((eb) => eb.fn.countAll<number>(), '>=', limit)
    .execute()
  return new Set(rows.map(({ userId }) => userId))
}
