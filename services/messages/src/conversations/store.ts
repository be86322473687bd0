import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../db/schema.ts'
import { type ChangedConversation, changedColumns } from '../log/changes-store.ts'
import { isOffList } from '../log/off-list.ts'
import { mayHaveUnread, unreadOf } from '../log/unread.ts'

export type MemberStanding = NonNullable<Awaited<ReturnType<typeof findMember>>>

/** What somebody is in a conversation, and may do there. */
export async function findMember(db: Kysely<Database>, conversationId: string, userId: string) {
  return db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select([
      'm.role',
      'm.barred',
      'm.silencedUntil',
      'm.speaksAlways',
      'c.allSilenced',
      sql<number>`greatest(m.joined_seq, m.cleared_seq)`.as('floorSeq'),
    ])
    .where('m.conversationId', '=', conversationId)
    .where('m.userId', '=', userId)
    .executeTakeFirst()
}

/** Keeps a membership from ending until the transaction does; false if there is none. */
export async function holdMember(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
): Promise<boolean> {
  const row = await trx
    .selectFrom('member')
    .select('userId')
    .where('conversationId', '=', conversationId)
    .where('userId', '=', userId)
    .forKeyShare()
    .executeTakeFirst()
  return row !== undefined
}

export interface Arrangement {
  pinned: boolean
  hidden: boolean
  deliveredSeq: number
  readSeq: number
  clearedSeq: number
}

/** Changes how a user has a conversation; undefined if they are not in it. */
export async function arrange(
  db: Kysely<Database>,
  conversationId: string,
  userId: string,
  changes: { pinned?: boolean | undefined; hidden?: boolean | undefined; clearedSeq?: number },
): Promise<Arrangement | undefined> {
  const { pinned = null, hidden = null, clearedSeq = 0 } = changes
  const { rows } = await sql<Arrangement>`
    update member m
    set pinned = coalesce(${pinned}::boolean, m.pinned),
      hidden_seq = case ${hidden}::boolean when true then c.shown_seq when false then null else m.hidden_seq end,
      hidden_at = case ${hidden}::boolean when true then c.last_at when false then null else m.hidden_at end,
      cleared_seq = greatest(m.cleared_seq, least(${clearedSeq}::bigint, c.last_seq)),
      changed_xid = pg_current_xact_id()
    from conversation c
    where m.conversation_id = ${conversationId} and m.user_id = ${userId} and c.conversation_id = m.conversation_id
    returning m.pinned, ${isOffList} as hidden, m.delivered_seq, m.read_seq, m.cleared_seq`.execute(db)
  return rows[0]
}

/** Hides entries from one member; those that do not exist, or that they cannot see anyway, are left out. */
export async function hideEntries(
  trx: Transaction<Database>,
  conversationId: string,
  userId: string,
  seqs: number[],
): Promise<number[]> {
  const { rows } = await sql<{ seq: number }>`
    insert into hidden_entry (user_id, conversation_id, seq)
    select m.user_id, e.conversation_id, e.seq
    from member m
    join entry e on e.conversation_id = m.conversation_id and e.seq = any(${seqs}::bigint[]) and e.kind = 'message'
    where m.conversation_id = ${conversationId} and m.user_id = ${userId}
      and e.seq > greatest(m.joined_seq, m.cleared_seq)
    on conflict do nothing
    returning seq`.execute(trx)
  if (rows.length > 0) {
    await trx
      .updateTable('member')
      .set({ hidesEntries: true, changedXid: sql`pg_current_xact_id()` })
      .where('conversationId', '=', conversationId)
      .where('userId', '=', userId)
      .execute()
  }
  return rows.map(({ seq }) => seq)
}

export interface ListPosition {
  pinned: boolean
  lastAt: string
  conversationId: string
}

/** A page of a user's list: pinned first, then by activity; hidden ones come back with something new. */
export async function listConversations(
  db: Kysely<Database>,
  query: { userId: string; after: ListPosition | null; limit: number },
): Promise<ChangedConversation[]> {
  const { after } = query
  const { rows } = await sql<ChangedConversation>`
    select ${changedColumns}
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.user_id = ${query.userId} and c.kind <> 'self' and not ${isOffList}
      and (${after === null} or (m.pinned, c.last_at, c.conversation_id) <
        (${after?.pinned ?? false}, ${after?.lastAt ?? null}::timestamptz, ${after?.conversationId ?? ''}))
    order by m.pinned desc, c.last_at desc, c.conversation_id desc
    limit ${query.limit}`.execute(db)
  return rows
}

/** Everything unread of a user. */
export async function countUnread(db: Kysely<Database>, userId: string): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    select coalesce(sum(${unreadOf}), 0)::bigint as total
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.user_id = ${userId} and ${mayHaveUnread}`.execute(db)
  return rows[0]?.total ?? 0
}
