import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../db/schema.ts'
import { editKind, type LogRow } from './entry.ts'

/** As one reader has it: whether they deleted it for themselves, or what it is an edit of. */
export type ReadRow = LogRow & { hidden: boolean }

export const entryColumns = [
  'conversationId',
  'seq',
  'kind',
  'senderId',
  'clientMessageId',
  'targetSeq',
  'type',
  'content',
  'digest',
  'synced',
  'replyTo',
  'mentions',
  'ext',
  'clientSentAt',
  'counted',
  'reactions',
  'sentAt',
  'editedAt',
  'recalledAt',
] as const

/** What a member may see of a log: entries after `floorSeq`, up to `lastSeq`. */
export async function findView(db: Kysely<Database>, userId: string, conversationId: string) {
  return db
    .selectFrom('member as m')
    .innerJoin('conversation as c', 'c.conversationId', 'm.conversationId')
    .select([
      'c.lastSeq',
      'm.hidesEntries',
      sql<number>`greatest(m.joined_seq, m.cleared_seq)`.as('floorSeq'),
    ])
    .where('m.userId', '=', userId)
    .where('m.conversationId', '=', conversationId)
    .executeTakeFirst()
}

/** The log as it is, whoever has cleared or hidden what of it. */
export async function findWholeView(db: Kysely<Database>, conversationId: string) {
  const row = await db
    .selectFrom('conversation')
    .select('lastSeq')
    .where('conversationId', '=', conversationId)
    .executeTakeFirst()
  return row && { lastSeq: row.lastSeq, hidesEntries: false, floorSeq: 0 }
}

/**
 * The first seq whose entry is not older than a time. Times never go back along a log, so a log of millions is
 * halved some twenty times, each by its primary key; no index of times is kept.
 */
export async function findSeqAt(
  db: Kysely<Database>,
  { conversationId, time, lastSeq }: { conversationId: string; time: Date; lastSeq: number },
): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    with recursive halving (low, high) as (
      select 1::bigint, ${lastSeq}::bigint + 1
      union all
      select case when older then middle + 1 else low end, case when older then high else middle end
      from halving, lateral (select (low + high) / 2 as middle) m, lateral (
        select coalesce(e.sent_at < ${time}, true) as older
        from (values (1)) one
        left join entry e on e.conversation_id = ${conversationId} and e.seq = m.middle
      ) o
      where low < high
    )
    select low as seq from halving where low = high`.execute(db)
  return rows[0]?.seq ?? lastSeq + 1
}

/** Entries between two seqs (both excluded), oldest first; of too many, those nearest to `from`. */
export async function listEntries(
  db: Kysely<Database>,
  range: {
    userId: string
    hidesEntries: boolean
    conversationId: string
    after: number
    before: number
    from: 'start' | 'end'
    limit: number
  },
): Promise<ReadRow[]> {
  const rows = await db
    .selectFrom('entry as e')
    .select(entryColumns)
    .select(range.hidesEntries ? isHidden(range.userId).as('hidden') : sql<boolean>`false`.as('hidden'))
    .where('conversationId', '=', range.conversationId)
    .where('seq', '>', range.after)
    .where('seq', '<', range.before)
    .orderBy('seq', range.from === 'start' ? 'asc' : 'desc')
    .limit(range.limit)
    .execute()
  return range.from === 'start' ? rows : rows.toReversed()
}

/** Whether a user deleted the message of an entry `e` for themselves: an edit is hidden with what it edits. */
export const isHidden = (userId: string | RawBuilder<unknown>) => sql<boolean>`exists (
  select from hidden_entry h
  where h.user_id = ${userId} and h.conversation_id = e.conversation_id
    and h.seq = case when e.kind = ${sql.lit(editKind)} then e.target_seq else e.seq end)`

/** For many conversations at once: the entries after a seq each, oldest first, and the one that a list shows. */
export async function listEntriesOfMany(
  db: Kysely<Database>,
  userId: string,
  ranges: { conversationId: string; after: number; shownSeq: number; hidesEntries: boolean }[],
  limit: number,
): Promise<ReadRow[]> {
  if (ranges.length === 0) return []
  const columns = sql.join(entryColumns.map((column) => sql.ref(column)))
  const { rows } = await sql<ReadRow>`
    select e.*, r.hides and ${isHidden(userId)} as hidden
    from unnest(
      ${ranges.map(({ conversationId }) => conversationId)}::text[],
      ${ranges.map(({ after }) => after)}::bigint[],
      ${ranges.map(({ shownSeq }) => shownSeq)}::bigint[],
      ${ranges.map(({ hidesEntries }) => hidesEntries)}::boolean[]
    ) as r (id, after, shown_seq, hides)
    cross join lateral (
      (select ${columns} from entry where conversation_id = r.id and seq > r.after order by seq limit ${limit})
      union all
      -- A log has no holes, so this is it just where the first part does not reach it.
      (select ${columns} from entry where conversation_id = r.id and seq = r.shown_seq
        and (r.shown_seq <= r.after or r.shown_seq > r.after + ${limit}))
    ) e`.execute(db)
  return rows
}
