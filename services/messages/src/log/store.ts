import { type Kysely, sql } from 'kysely'
import type { ConversationKind, Database, EntryRow, Role } from '../db/schema.ts'

type LogRow = Omit<EntryRow, 'counted' | 'pushed' | 'count'>

const entryColumns = [
  'conversationId',
  'seq',
  'kind',
  'senderId',
  'clientMessageId',
  'type',
  'content',
  'replyTo',
  'mentions',
  'ext',
  'sentAt',
  'editedAt',
  'recalledAt',
] as const

/** What a member may see of a log: entries after `floorSeq`, up to `lastSeq`. */
export async function findView(db: Kysely<Database>, userId: string, conversationId: string) {
  return db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select(['c.lastSeq', sql<number>`greatest(m.joined_seq, m.cleared_seq)`.as('floorSeq')])
    .where('m.userId', '=', userId)
    .where('m.conversationId', '=', conversationId)
    .executeTakeFirst()
}

/** Entries between two seqs (both excluded), oldest first; of too many, those nearest to `from`. */
export async function listEntries(
  db: Kysely<Database>,
  range: { conversationId: string; after: number; before: number; from: 'start' | 'end'; limit: number },
): Promise<LogRow[]> {
  const rows = await db
    .selectFrom('entry')
    .select(entryColumns)
    .where('conversationId', '=', range.conversationId)
    .where('seq', '>', range.after)
    .where('seq', '<', range.before)
    .orderBy('seq', range.from === 'start' ? 'asc' : 'desc')
    .limit(range.limit)
    .execute()
  return range.from === 'start' ? rows : rows.toReversed()
}

export interface ChangedConversation {
  conversationId: string
  kind: ConversationKind
  name: string | null
  userIds: string[] | null
  lastSeq: number
  lastAt: string
  role: Role
  floorSeq: number
  deliveredSeq: number
  readSeq: number
  unread: number
  /** Where the next sync begins: nothing that commits later than this statement lies before it. */
  position: string
  epoch: string
}

interface ChangesQuery {
  userId: string
  /** Only what changed in this transaction or a later one. */
  since: string | null
  after: { lastAt: string; conversationId: string } | null
  limit: number
}

/**
 * A user's conversations by activity, newest first. The position is read in the same snapshot as the rows: the
 * oldest transaction still running. So a commit in flight is in this page or after the position, never lost
 * between; what committed just after it is told twice, which does no harm.
 */
export async function listChanges(db: Kysely<Database>, query: ChangesQuery): Promise<ChangedConversation[]> {
  const { rows } = await sql<ChangedConversation>`
    select
      c.conversation_id, c.kind, c.name, c.user_ids, c.last_seq,
      to_char(c.last_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_at,
      m.role, greatest(m.joined_seq, m.cleared_seq) as floor_seq, m.delivered_seq, m.read_seq,
      (select count(*) from entry e
        where e.conversation_id = c.conversation_id and e.counted and e.recalled_at is null
          and e.seq > greatest(m.read_seq, m.joined_seq, m.cleared_seq) and e.sender_id <> m.user_id) as unread,
      pg_snapshot_xmin(pg_current_snapshot())::text as position,
      (select epoch::text from log_epoch) as epoch
    from member m
    join conversation c on c.conversation_id = m.conversation_id
    where m.user_id = ${query.userId}
      and (${query.since}::xid8 is null or c.changed_xid >= ${query.since}::xid8 or m.changed_xid >= ${query.since}::xid8)
      and (${query.after?.lastAt ?? null}::timestamptz is null
        or (c.last_at, c.conversation_id) < (${query.after?.lastAt ?? null}::timestamptz, ${query.after?.conversationId ?? null}))
    order by c.last_at desc, c.conversation_id desc
    limit ${query.limit}`.execute(db)
  return rows
}

/** Where a sync that finds nothing stands. */
export async function findPosition(db: Kysely<Database>): Promise<{ position: string; epoch: string }> {
  const { rows } = await sql<{ position: string; epoch: string }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text as position, (select epoch::text from log_epoch) as epoch`.execute(
    db,
  )
  const [row] = rows
  if (!row) throw new Error('the log has no epoch')
  return row
}

/** For many conversations at once: the entries after a seq each, oldest first, and the newest one always. */
export async function listEntriesOfMany(
  db: Kysely<Database>,
  ranges: { conversationId: string; after: number; lastSeq: number }[],
  limit: number,
): Promise<LogRow[]> {
  if (ranges.length === 0) return []
  const columns = sql.join(entryColumns.map((column) => sql.ref(column)))
  const { rows } = await sql<LogRow>`
    select e.* from unnest(
      ${ranges.map(({ conversationId }) => conversationId)}::text[],
      ${ranges.map(({ after }) => after)}::bigint[],
      ${ranges.map(({ lastSeq }) => lastSeq)}::bigint[]
    ) as r (id, after, last_seq)
    cross join lateral (
      (select ${columns} from entry where conversation_id = r.id and seq > r.after order by seq limit ${limit})
      union all
      -- A log has no holes, so this is the newest entry just where the first part does not reach it.
      (select ${columns} from entry where conversation_id = r.id and seq = r.last_seq
        and (r.last_seq <= r.after or r.last_seq > r.after + ${limit}))
    ) e`.execute(db)
  return rows
}
