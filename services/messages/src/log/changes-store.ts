import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database, Role } from '../db/schema.ts'
import type { ConversationFacts } from './entry.ts'
import { isOffList } from './off-list.ts'
import { entryColumns, isHidden, type ReadRow } from './store.ts'
import { unreadOf } from './unread.ts'

export interface ChangedConversation extends ConversationFacts {
  lastSeq: number
  shownSeq: number
  lastAt: string
  role: Role
  floorSeq: number
  hidesEntries: boolean
  pinned: boolean
  hidden: boolean
  deliveredSeq: number
  readSeq: number
  clearedSeq: number
  unread: number
}

/** Of a member `m` and their conversation `c`. */
export const changedColumns = sql`
  c.conversation_id, c.kind, c.policy, c.name, c.avatar_url, c.user_ids, c.last_seq, c.shown_seq,
  to_char(c.last_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as last_at,
  m.role, greatest(m.joined_seq, m.cleared_seq) as floor_seq, m.hides_entries, m.pinned,
  ${isOffList} as hidden, m.delivered_seq, m.read_seq, m.cleared_seq,
  ${unreadOf} as unread`

export interface ChangesQuery {
  userId: string
  /** Only what changed in this transaction or a later one, and is not in the snapshot, if there is one. */
  since: { before: string; snapshot: string } | null
  after: { lastAt: string; conversationId: string } | null
  limit: number
  /** Entries after these are told; of other conversations the newest. */
  known: { conversationId: string; seq: number }[]
  newestOfUnknown: number
  entriesEach: number
}

/** Single messages of a conversation that its user has as the watermarks do not say; null where there are none. */
interface Exceptions {
  hiddenSeqs: number[] | null
  readSeqs: number[] | null
  unreadSeqs: number[] | null
}

/** What one page of a sync is made of. */
export interface Changes extends Position {
  rows: (ChangedConversation & Exceptions & { entries: ReadRow[] })[]
}

/** More of them are told by the entries themselves, as they are read. */
const hiddenAtMost = 1_000

/**
 * A user's conversations by activity, newest first, each with the entries the device lacks and the one that a list
 * shows. One statement: a device that comes back costs this, and the look at its session. What is read, and where
 * the next sync begins, are of one snapshot. So a commit in flight is in this page or after it, never lost between.
 */
export async function listChanges(db: Kysely<Database>, query: ChangesQuery): Promise<Changes> {
  const { known, ...asked } = query
  const ofDevice = sql`unnest(
    ${known.map(({ conversationId }) => conversationId)}::text[], ${known.map(({ seq }) => seq)}::bigint[]
  ) as k (id, seq)`
  const { rows } = await sql<ChangesRow>`${changesOf({ ...asked, known: ofDevice })}
    order by p.last_at desc, p.conversation_id desc`.execute(db)
  return toChanges(rows)
}

/** What devices that come back together ask: all from somewhere on, and for pages of one size. */
export type ReturnQuery = ChangesQuery & { since: NonNullable<ChangesQuery['since']>; after: null }

/**
 * The same for devices that come back together, all in one statement: to begin one takes longer than to read a page, since
 * the log has many partitions.
 */
export async function listChangesOfMany(db: Kysely<Database>, queries: ReturnQuery[]): Promise<Changes[]> {
  const [first] = queries
  if (!first) return []
  const { limit, newestOfUnknown, entriesEach } = first
  const { rows } = await sql<ChangesRow & { place: number }>`
    select d.place::int, p.*
    from unnest(
      ${queries.map(({ userId }) => userId)}::text[], ${queries.map(({ since }) => since.before)}::text[]::xid8[],
      ${queries.map(({ since }) => since.snapshot)}::text[]::pg_snapshot[],
      ${queries.map(({ known }) => JSON.stringify(known.map(({ conversationId, seq }) => ({ id: conversationId, seq }))))}::text[]::jsonb[]
    ) with ordinality as d (user_id, before, seen, known, place)
    cross join lateral (${changesOf({
      userId: sql`d.user_id`,
      since: { before: sql`d.before`, snapshot: sql`d.seen` },
      after: null,
      limit,
      known: sql`jsonb_to_recordset(d.known) as k (id text, seq bigint)`,
      newestOfUnknown,
      entriesEach,
    })}) p
    order by d.place, p.last_at desc, p.conversation_id desc`.execute(db)
  const pages = Map.groupBy(rows, ({ place }) => place)
  return queries.map((_, i) => toChanges(pages.get(i + 1) ?? []))
}

type ChangesRow = Position & ((ChangedConversation & Exceptions & { entries: EntryJson[] | null }) | Nothing)

/** Of one device, whose parts are values, or columns of the devices it is one of. */
interface ChangesParts extends Pick<ChangesQuery, 'after' | 'limit' | 'newestOfUnknown' | 'entriesEach'> {
  userId: Value
  since: { before: Value; snapshot: Value } | null
  /** What it knows, as `k (id, seq)`. */
  known: RawBuilder<unknown>
}

type Value = string | RawBuilder<unknown>

function changesOf({ userId, since, after, limit, known, newestOfUnknown, entriesEach }: ChangesParts) {
  const columns = sql.join(entryColumns.map((column) => sql.ref(column)))
  const asJson = sql.join(entryColumns.flatMap((column) => [sql.lit(column), sql.ref(`e.${column}`)]))
  return sql`
    with page as (
      select ${changedColumns}, to_json(m.read_seqs) as read_seqs, to_json(m.unread_seqs) as unread_seqs,
        greatest(coalesce(k.seq, c.last_seq - ${newestOfUnknown}), m.joined_seq, m.cleared_seq) as start_seq
      from member m
      join conversation c on c.conversation_id = m.conversation_id
      left join ${known} on k.id = m.conversation_id
      where m.user_id = ${userId}
        and (${isChanged(sql`c.changed_xid`, since)} or ${isChanged(sql`m.changed_xid`, since)})
        and (${after?.lastAt ?? null}::timestamptz is null
          or (c.last_at, c.conversation_id) < (${after?.lastAt ?? null}::timestamptz, ${after?.conversationId ?? null}))
      order by c.last_at desc, c.conversation_id desc
      limit ${limit}
    )
    select position.*, p.*, l.entries, case when p.hides_entries then (
        select json_agg(h.seq order by h.seq) from (
          select seq from hidden_entry
          where user_id = ${userId} and conversation_id = p.conversation_id and seq > p.floor_seq
          order by seq desc limit ${hiddenAtMost}
        ) h
      ) end as hidden_seqs
    from (select ${positionColumns({ userId, since })}) position
    left join page p on true
    left join lateral (
      select json_agg(json_build_object(${asJson}, 'hidden', p.hides_entries and ${isHidden(userId)})) as entries
      from (
        (select ${columns} from entry
          where conversation_id = p.conversation_id and seq > p.start_seq order by seq limit ${entriesEach})
        union all
        -- A log has no holes, so this is it just where the first part does not reach it.
        (select ${columns} from entry
          where conversation_id = p.conversation_id and seq = p.shown_seq
            and (p.shown_seq <= p.start_seq or p.shown_seq > p.start_seq + ${entriesEach}))
      ) e
    ) l on true`
}

function toChanges(rows: ChangesRow[]): Changes {
  const [first] = rows
  if (!first) throw new Error('the log has no epoch')
  const { snapshot, epoch, ended } = first
  return {
    snapshot,
    epoch,
    ended,
    rows: rows.flatMap((row) =>
      row.conversationId === null ? [] : [{ ...row, entries: (row.entries ?? []).map(fromJson) }],
    ),
  }
}

/**
 * For which of these devices, counted from 1, a sync would find nothing: no conversation of its user that changed since, and
 * none that the user is no longer in. All in one snapshot, which says where each of them goes on.
 */
export async function listUnchanged(
  db: Kysely<Database>,
  devices: { userId: string; before: string; snapshot: string }[],
): Promise<Omit<Position, 'ended'> & { unchanged: number[] }> {
  const changed = (xid: string) =>
    sql.raw(`${xid} >= d.before and not pg_visible_in_snapshot(${xid}, d.seen)`)
  const { rows } = await sql<Omit<Position, 'ended'> & { unchanged: number[] }>`
    select pg_current_snapshot()::text as snapshot, (select epoch::text from log_epoch) as epoch, array(
      select d.place::int
      from unnest(
        ${devices.map(({ userId }) => userId)}::text[], ${devices.map(({ before }) => before)}::text[]::xid8[],
        ${devices.map(({ snapshot }) => snapshot)}::text[]::pg_snapshot[]
      ) with ordinality as d (user_id, before, seen, place)
      where not exists (
        select from member m join conversation c on c.conversation_id = m.conversation_id
        where m.user_id = d.user_id and ((${changed('c.changed_xid')}) or (${changed('m.changed_xid')}))
      ) and not exists (
        select from former_member f where f.user_id = d.user_id and ${changed('f.changed_xid')}
      )
    ) as unchanged`.execute(db)
  const [row] = rows
  if (!row) throw new Error('a select of one row gave none')
  return row
}

/** A page without a conversation still says where the next one begins. */
interface Nothing {
  conversationId: null
}

type EntryJson = Omit<ReadRow, 'sentAt' | 'editedAt' | 'recalledAt'> & {
  sentAt: string
  editedAt: string | null
  recalledAt: string | null
}

const fromJson = ({ sentAt, editedAt, recalledAt, ...entry }: EntryJson): ReadRow => ({
  ...entry,
  sentAt: new Date(sentAt),
  editedAt: editedAt === null ? null : new Date(editedAt),
  recalledAt: recalledAt === null ? null : new Date(recalledAt),
})

/**
 * Whether a device that has what a snapshot shows lacks this change. The comparison is what an index can help with;
 * the snapshot keeps what committed beside a long transaction from being told again until that one ends.
 */
const isChanged = (changedXid: RawBuilder<unknown>, since: ChangesParts['since']) => sql<boolean>`
  (${since?.before ?? null}::xid8 is null or (${changedXid} >= ${since?.before ?? null}::xid8
    and not pg_visible_in_snapshot(${changedXid}, ${since?.snapshot ?? null}::pg_snapshot)))`

export interface EndedConversation {
  conversationId: string
  reason: 'left' | 'kicked' | 'dissolved'
  by: string
  note: string | null
  /** ISO 8601. */
  endedAt: string
}

/** What one sync finds out beside the conversations, in the snapshot they are read in. */
export interface Position {
  /** Where the next sync begins: nothing that commits later than this statement is in it. */
  snapshot: string
  epoch: string
  /** Conversations the user is no longer in; nothing for a device that begins. */
  ended: EndedConversation[] | null
}

/** More of them a device need not be told: it finds out when it asks. */
const endedAtMost = 1_000

const positionColumns = ({ userId, since }: Pick<ChangesParts, 'userId' | 'since'>) => sql`
  pg_current_snapshot()::text as snapshot,
  (select epoch::text from log_epoch) as epoch,
  (
    select json_agg(json_build_object('conversationId', f.conversation_id, 'reason', f.reason, 'by', f.ended_by,
      'note', f.note, 'endedAt', to_char(f.ended_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    from (
      select * from former_member
      where user_id = ${userId} and ${since?.before ?? null}::xid8 is not null
        and ${isChanged(sql`changed_xid`, since)}
      order by ended_at desc limit ${endedAtMost}
    ) f
  ) as ended`
