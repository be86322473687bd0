import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database, JoinBy, Role } from '../db/schema.ts'
import type { Policy } from '../policies/policy.ts'
import { forgetFormer } from './former-store.ts'

export interface NewGroup {
  conversationId: string
  creatorId: string
  policy: Policy
  name: string
  avatarUrl: string | null
  notice: string | null
  introduction: string | null
  joinBy: JoinBy
}

/** False if the id is taken. */
export async function insertGroup(
  trx: Transaction<Database>,
  { policy, ...group }: NewGroup,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('conversation')
    .values({
      ...group,
      kind: policy.stores ? 'group' : 'live',
      policy: policy.id,
      stores: policy.stores,
      counts: policy.counts,
      membersMentionAll: policy.mentionAll.includes('member'),
      userIds: null,
      lastSeq: 0,
      lastCount: 0,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

/**
 * Adds members who see what comes after `joinedSeq`, and names those who were not in it before. Who comes back while
 * silenced is silenced still.
 */
export async function insertMembers(
  trx: Transaction<Database>,
  conversationId: string,
  members: { userId: string; role: Role }[],
  { joinedSeq, readSeq }: { joinedSeq: number; readSeq: number },
): Promise<string[]> {
  if (members.length === 0) return []
  const silences = await forgetFormer(
    trx,
    conversationId,
    members.map(({ userId }) => userId),
  )
  const rows = await trx
    .insertInto('member')
    .values(
      members.map(({ userId, role }) => ({
        conversationId,
        userId,
        role,
        silencedUntil: silences.get(userId) ?? null,
        joinedSeq,
        deliveredSeq: readSeq,
        readSeq,
        notifiedSeq: readSeq,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('userId')
    .execute()
  return rows.map(({ userId }) => userId)
}

export type HeldConversation = NonNullable<Awaited<ReturnType<typeof lockConversation>>>

/** Holds the conversation until the transaction ends: nobody sends and nobody joins meanwhile. */
export async function lockConversation(trx: Transaction<Database>, conversationId: string) {
  return trx
    .selectFrom('conversation')
    .select([
      'conversationId',
      'kind',
      'policy',
      'name',
      'avatarUrl',
      'userIds',
      'joinBy',
      'stores',
      'allSilenced',
      'lastSeq',
    ])
    .where('conversationId', '=', conversationId)
    .where('dissolvedAt', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
}

export async function findRole(
  db: Kysely<Database>,
  conversationId: string,
  userId: string,
): Promise<Role | undefined> {
  return (await listRoles(db, conversationId, [userId])).get(userId)
}

/** The roles of those of the users who are members. */
export async function listRoles(
  db: Kysely<Database>,
  conversationId: string,
  userIds: string[],
): Promise<Map<string, Role>> {
  const rows = await db
    .selectFrom('member')
    .select(['userId', 'role'])
    .where('conversationId', '=', conversationId)
    .where('userId', 'in', userIds)
    .execute()
  return new Map(rows.map(({ userId, role }) => [userId, role]))
}

/** How far each log goes and who of the named users is in it; nothing for what is not there. */
export async function listStandings(
  db: Kysely<Database>,
  asks: { conversationId: string; userIds: string[] }[],
): Promise<{ conversationId: string; lastSeq: number; memberIds: string[] }[]> {
  const pairs = asks.flatMap(({ conversationId, userIds }) =>
    userIds.map((userId) => ({ conversationId, userId })),
  )
  const { rows } = await sql<{ conversationId: string; lastSeq: number; memberIds: string[] }>`
    select c.conversation_id, c.last_seq, coalesce(array_agg(m.user_id) filter (where m.user_id is not null), '{}') as member_ids
    from unnest(${pairs.map(({ conversationId }) => conversationId)}::text[], ${pairs.map(({ userId }) => userId)}::text[])
      as i (conversation_id, user_id)
    join conversation c on c.conversation_id = i.conversation_id
    left join member m on m.conversation_id = i.conversation_id and m.user_id = i.user_id
    group by c.conversation_id`.execute(db)
  return rows
}

export async function countMembers(db: Kysely<Database>, conversationId: string): Promise<number> {
  const { count } = await db
    .selectFrom('member')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('conversationId', '=', conversationId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function findOwner(
  trx: Transaction<Database>,
  conversationId: string,
): Promise<string | undefined> {
  const row = await trx
    .selectFrom('member')
    .select('userId')
    .where('conversationId', '=', conversationId)
    .where('role', '=', 'owner')
    .executeTakeFirst()
  return row?.userId
}

/** The one who has been in it longest, but for one. */
export async function findSenior(
  trx: Transaction<Database>,
  conversationId: string,
  exceptUserId: string,
): Promise<string | undefined> {
  const row = await trx
    .selectFrom('member')
    .select('userId')
    .where('conversationId', '=', conversationId)
    .where('userId', '<>', exceptUserId)
    .orderBy(sql`role = 'admin'`, 'desc')
    .orderBy('joinedAt')
    .orderBy('userId')
    .limit(1)
    .executeTakeFirst()
  return row?.userId
}

/**
 * Ends memberships, and remembers how, so that devices that were away learn of it, and until when people were silenced,
 * so that leaving is no way out of it; whose they were.
 */
export async function removeMembers(
  trx: Transaction<Database>,
  conversationId: string,
  userIds: string[] | 'all',
  end: { reason: 'left' | 'kicked' | 'dissolved'; by: string; note: string | null },
): Promise<string[]> {
  const { rows } = await sql<{ userId: string }>`
    with gone as (
      delete from member
      where conversation_id = ${conversationId}
        and ${userIds === 'all' ? sql`true` : sql`user_id = any(${userIds})`}
      returning user_id, silenced_until
    )
    insert into former_member (conversation_id, user_id, reason, ended_by, note, silenced_until)
    select ${conversationId}, user_id, ${end.reason}, ${end.by}, ${end.note}, silenced_until from gone
    on conflict (user_id, conversation_id) do update
      set reason = excluded.reason, ended_by = excluded.ended_by, note = excluded.note, ended_at = now(),
        silenced_until = excluded.silenced_until, changed_xid = pg_current_xact_id()
    returning user_id`.execute(trx)
  return rows.map(({ userId }) => userId)
}

/** Says something of a member, and that there is something new to sync. */
export async function updateMember(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
  changes: { role?: Role; silencedUntil?: Date | null; speaksAlways?: boolean },
): Promise<void> {
  await trx
    .updateTable('member')
    .set({ ...changes, changedXid: sql`pg_current_xact_id()` })
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .execute()
}

export async function updateGroup(
  trx: Transaction<Database>,
  conversationId: string,
  changes: {
    name?: string
    avatarUrl?: string | null
    notice?: string | null
    introduction?: string | null
    joinBy?: JoinBy
    allSilenced?: boolean
    dissolvedAt?: Date
  },
): Promise<void> {
  await trx
    .updateTable('conversation')
    .set({ ...changes, changedXid: sql`pg_current_xact_id()` })
    .where('conversationId', '=', conversationId)
    .execute()
}

/** Where nothing is appended, a change of members must still show to whoever rests on the members before. */
export async function advanceMembersVersion(
  trx: Transaction<Database>,
  conversationId: string,
): Promise<void> {
  await trx
    .updateTable('conversation')
    .set((eb) => ({ membersVersion: eb('membersVersion', '+', 1), changedXid: sql`pg_current_xact_id()` }))
    .where('conversationId', '=', conversationId)
    .execute()
}

/** A group with how many are in it, and the role of whoever asks. */
export async function findGroup(db: Kysely<Database>, conversationId: string, userId: string) {
  return db
    .selectFrom('conversation as c')
    .leftJoin('member as m', (join) =>
      join.onRef('m.conversationId', '=', 'c.conversationId').on('m.userId', '=', userId),
    )
    .select((eb) => [
      'c.conversationId',
      'c.creatorId',
      'c.kind',
      'c.policy',
      'c.name',
      'c.avatarUrl',
      'c.notice',
      'c.introduction',
      'c.joinBy',
      'c.userIds',
      'c.allSilenced',
      'c.lastSeq',
      'm.role',
      eb
        .selectFrom('member')
        .select((of) => of.fn.countAll<number>().as('count'))
        .whereRef('member.conversationId', '=', 'c.conversationId')
        .as('memberCount'),
    ])
    .where('c.conversationId', '=', conversationId)
    .where('c.dissolvedAt', 'is', null)
    .executeTakeFirst()
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
    .select(['m.userId', 'm.role', 'm.joinedAt', 'm.silencedUntil', 'm.speaksAlways', 'a.displayName'])
    .where('m.conversationId', '=', conversationId)
    .where('m.userId', '>', page.after)
    .orderBy('m.userId')
    .limit(page.limit)
    .execute()
}

/** Those of the users who are in as many groups as anyone may be; whom they talk to beside is no matter. */
export async function listFull(db: Kysely<Database>, userIds: string[], limit: number): Promise<Set<string>> {
  const rows = await db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select('m.userId')
    .where('m.userId', 'in', userIds)
    .where('c.kind', 'in', ['group', 'live'])
    .groupBy('m.userId')
    .having((eb) => eb.fn.countAll<number>(), '>=', limit)
    .execute()
  return new Set(rows.map(({ userId }) => userId))
}
