import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { erasedReason } from '../accounts/erased.ts'
import type { MessagesFrom } from '../contacts/bars.ts'
import type { Database, PresenceTo } from '../db/schema.ts'

export interface ProfileRow {
  userId: string
  displayName: string | null
  avatar: string | null
}

export interface OwnProfileRow extends ProfileRow {
  discoverable: boolean
  messagesFrom: MessagesFrom | null
  presenceTo: PresenceTo
}

const ownColumns = ['userId', 'displayName', 'avatar', 'discoverable', 'messagesFrom', 'presenceTo'] as const

export async function findProfile(db: Kysely<Database>, userId: string): Promise<OwnProfileRow | undefined> {
  return db.selectFrom('account').select(ownColumns).where('userId', '=', userId).executeTakeFirst()
}

/** Holds it until the transaction ends, so that two changes at once are told in the order they hold. None of who was deleted. */
export async function lockProfile(
  trx: Transaction<Database>,
  userId: string,
): Promise<OwnProfileRow | undefined> {
  return trx
    .selectFrom('account')
    .select(ownColumns)
    .where('userId', '=', userId)
    .where('suspensionReason', 'is distinct from', erasedReason)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

export async function updateProfile(
  trx: Transaction<Database>,
  userId: string,
  change: Partial<Omit<OwnProfileRow, 'userId'>>,
): Promise<void> {
  await trx.updateTable('account').set(change).where('userId', '=', userId).execute()
}

export async function listProfiles(db: Kysely<Database>, userIds: string[]): Promise<ProfileRow[]> {
  return db
    .selectFrom('account')
    .select(['userId', 'displayName', 'avatar'])
    .where('userId', 'in', userIds)
    .execute()
}

export interface FoundRow extends ProfileRow {
  term: string
}

interface PrefixQuery {
  words: string
  /** The last of the page before. */
  after: { term: string; userId: string } | null
  seenBy: string
  limit: number
}

/**
 * Accounts one of whose terms begins with the words, by term. An account that is found by two of its terms is told
 * once, by the first. Terms are what the migration makes of ids and names.
 */
export async function listByPrefix(db: Kysely<Database>, query: PrefixQuery): Promise<FoundRow[]> {
  const { rows } = await accountsByPrefix(query).execute(db)
  return rows
}

export function accountsByPrefix({ words, after, seenBy, limit }: PrefixQuery): RawBuilder<FoundRow> {
  // A subquery is evaluated once, so the index gives the terms in order and a full page ends the scan.
  const prefix = sql`(select casefold(normalize(${words}, nfkc) collate pg_unicode_fast) collate "C")`
  return sql<FoundRow>`
    select t.term, a.user_id, a.display_name, a.avatar
    from directory_term t
    join account a on a.user_id = t.user_id
    where t.term >= ${prefix} and t.term < ${prefix} || chr(1114111)
      and (t.term, t.user_id) > (${after?.term ?? ''}, ${after?.userId ?? ''})
      and a.user_id <> ${seenBy}
      and not exists (
        select from directory_term earlier
        where earlier.user_id = t.user_id and earlier.term >= ${prefix} and earlier.term < t.term
      )
      and not exists (
        select from contact b where b.user_id = t.user_id and b.other_id = ${seenBy} and b.blocked
      )
    order by t.term, t.user_id
    limit ${limit}`
}

/** Remembers that the contacts of a user are to be told of the profile; from the first of them, if it was under way. */
export async function noteProfileChange(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx
    .insertInto('profileChange')
    .values({ userId, toldUntil: '' })
    .onConflict((conflict) => conflict.column('userId').doUpdateSet({ toldUntil: '' }))
    .execute()
}

/** A change that nobody else is telling of, taken until the transaction ends. */
export async function takeProfileChange(trx: Transaction<Database>) {
  return trx.selectFrom('profileChange').selectAll().limit(1).forUpdate().skipLocked().executeTakeFirst()
}

export async function advanceProfileChange(
  trx: Transaction<Database>,
  userId: string,
  toldUntil: string,
): Promise<void> {
  await trx.updateTable('profileChange').set({ toldUntil }).where('userId', '=', userId).execute()
}

export async function removeProfileChange(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx.deleteFrom('profileChange').where('userId', '=', userId).execute()
}
