import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Bar, MessagesFrom } from './bars.ts'
import type { ContactState, Relation } from './relation.ts'

/** How the first of the two stands to the second, if there ever was anything between them. */
export async function findRelation(
  db: Kysely<Database>,
  userId: string,
  otherId: string,
): Promise<Relation | undefined> {
  return db
    .selectFrom('contact')
    .select(['state', 'blocked', 'remark', 'greeting', 'requestedAt'])
    .where('userId', '=', userId)
    .where('otherId', '=', otherId)
    .executeTakeFirst()
}

/** `seq` is that of the entry in the user's own log which tells of it. */
export async function saveRelation(
  trx: Transaction<Database>,
  userId: string,
  otherId: string,
  relation: Relation & { seq: number },
): Promise<void> {
  await trx
    .insertInto('contact')
    .values({ userId, otherId, ...relation })
    .onConflict((conflict) => conflict.columns(['userId', 'otherId']).doUpdateSet(relation))
    .execute()
}

export interface RelationCounts {
  contacts: number
  received: number
  requested: number
  blocked: number
  relations: number
  /** People asked within the last hour. */
  askedLately: number
}

export async function countRelations(db: Kysely<Database>, userId: string): Promise<RelationCounts> {
  const { rows } = await sql<RelationCounts>`
    select count(*) filter (where state = 'contact') as contacts, count(*) filter (where state = 'received') as received,
      count(*) filter (where state = 'requested') as requested, count(*) filter (where blocked) as blocked,
      count(*) as relations, count(*) filter (where requested_at > now() - interval '1 hour') as asked_lately
    from contact where user_id = ${userId}`.execute(db)
  const [row] = rows
  if (!row) throw new Error('a count has no row')
  return row
}

export interface RosterRow {
  otherId: string
  state: ContactState
  blocked: boolean
  remark: string | null
  greeting: string | null
  seq: number
  displayName: string | null
  avatar: string | null
}

/** What changed after a version, oldest change first. From the beginning on, what has ended is left out. */
export async function listRoster(
  db: Kysely<Database>,
  { userId, since, limit }: { userId: string; since: number; limit: number },
): Promise<RosterRow[]> {
  return db
    .selectFrom('contact as c')
    .innerJoin('account as a', 'a.userId', 'c.otherId')
    .select([
      'c.otherId',
      'c.state',
      'c.blocked',
      'c.remark',
      'c.greeting',
      'c.seq',
      'a.displayName',
      'a.avatar',
    ])
    .where('c.userId', '=', userId)
    .where('c.seq', '>', since)
    .$if(since === 0, (query) =>
      query.where((eb) =>
        eb.or([eb('c.blocked', '=', true), eb('c.state', 'in', ['requested', 'received', 'contact'])]),
      ),
    )
    .orderBy('c.seq')
    .limit(limit)
    .execute()
}

/** Whom these accounts take direct messages from, where they say so themselves. */
export async function listMessagesFrom(
  db: Kysely<Database>,
  userIds: string[],
): Promise<Map<string, MessagesFrom | null>> {
  const rows = await db
    .selectFrom('account')
    .select(['userId', 'messagesFrom'])
    .where('userId', 'in', userIds)
    .execute()
  return new Map(rows.map(({ userId, messagesFrom }) => [userId, messagesFrom]))
}

/**
 * Holds the direct conversation of two people, and keeps it from being opened meanwhile: whoever opens one holds
 * the same lock. Undefined if there is none yet.
 */
export async function holdDirect(
  trx: Transaction<Database>,
  conversationId: string,
): Promise<{ creatorId: string } | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${conversationId}, 0))`.execute(trx)
  return trx
    .selectFrom('conversation')
    .select('creatorId')
    .where('conversationId', '=', conversationId)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

/**
 * Says who may not write, and why. The members' version grows with it, so a send that saw the members as they were
 * is not committed on that view. The caller holds the conversation.
 */
export async function setBars(
  trx: Transaction<Database>,
  conversationId: string,
  bars: Record<string, Bar>,
): Promise<void> {
  await sql`
    with barred as (
      update member m set barred = b.bar
      from unnest(${Object.keys(bars)}::text[], ${Object.values(bars)}::text[]) as b (user_id, bar)
      where m.conversation_id = ${conversationId} and m.user_id = b.user_id and m.barred is distinct from b.bar
      returning m.user_id
    )
    update conversation set members_version = members_version + 1
    where conversation_id = ${conversationId} and exists (select from barred)`.execute(trx)
}

/**
 * Those of the users whom `userId` may see: contacts, or people of a direct conversation or a group with them, and
 * no block between the two.
 */
export async function listVisible(
  db: Kysely<Database>,
  userId: string,
  otherIds: string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ userId: string }>`
    select o.user_id from unnest(${otherIds}::text[]) as o (user_id)
    where not exists (
        select from contact b
        where b.blocked and ((b.user_id = o.user_id and b.other_id = ${userId}) or (b.user_id = ${userId} and b.other_id = o.user_id))
      )
      and (
        exists (select from contact c where c.user_id = ${userId} and c.other_id = o.user_id and c.state = 'contact')
        or exists (
          select from member a join member b on b.conversation_id = a.conversation_id
          where a.user_id = o.user_id and b.user_id = ${userId}
        )
      )`.execute(db)
  return new Set(rows.map((row) => row.userId))
}

/** A page of those who have this user as a contact. */
export async function listContactsOf(
  db: Kysely<Database>,
  { userId, after, limit }: { userId: string; after: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom('contact')
    .select('userId')
    .where('otherId', '=', userId)
    .where('userId', '>', after)
    .where('state', '=', 'contact')
    .orderBy('userId')
    .limit(limit)
    .execute()
  return rows.map((row) => row.userId)
}

/** The roster's line is to be told anew: the entry at `seq` says why. The caller holds the user's own log. */
export async function touchContact(
  trx: Transaction<Database>,
  userId: string,
  otherId: string,
  seq: number,
): Promise<void> {
  await trx
    .updateTable('contact')
    .set({ seq })
    .where('userId', '=', userId)
    .where('otherId', '=', otherId)
    .execute()
}
