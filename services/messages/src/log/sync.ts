import type { Entry } from '@parley/shared/entry'
import type { UserId } from '@parley/shared/ids'
import type { ConversationChange, SyncPage, SyncQuery } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import type * as store from './changes-store.ts'
import { type Cursor, decodeCursor, encodeCursor, positionOf, snapshotOf } from './cursor.ts'
import { toEntryFor } from './entry.ts'
import { toListed } from './listed.ts'

/** Entries told at most with one conversation; the rest is read with `log:read`. */
const entriesEach = 50
/** Of a conversation the device knows nothing of, only the newest. */
const newestOfUnknown = 20

/**
 * One page of what a device lacks: its user's conversations that changed, each with watermarks, unread and the
 * entries after those the device has. One statement, however many conversations there are.
 */
export async function sync(
  { pages }: Pick<Context, 'pages'>,
  userId: UserId,
  query: SyncQuery,
): Promise<SyncPage> {
  const asked = query.cursor === undefined ? undefined : decodeCursor(query.cursor)
  const known = new Map(query.known?.map(({ conversationId, seq }) => [conversationId as string, seq]))
  const { rows, ...here } = await pages({
    userId,
    since: asked?.since ? { before: asked.since.before, snapshot: snapshotOf(asked.since) } : null,
    after: asked?.after ?? null,
    limit: query.limit + 1,
    known: [...known].map(([conversationId, seq]) => ({ conversationId, seq })),
    newestOfUnknown,
    entriesEach,
  })
  // A cursor of another history says nothing about this one: everything is told again.
  if (asked && asked.epoch !== here.epoch) return sync({ pages }, userId, { ...query, cursor: undefined })

  const page = rows.slice(0, query.limit)
  const more = rows.length > query.limit
  return {
    conversations: page.map((row) =>
      toChange(
        row,
        known,
        row.entries.map((entry) => toEntryFor({ userId, floorSeq: row.floorSeq }, entry)),
      ),
    ),
    // The pages of one sync all have the same; the first tells it.
    ended: asked?.after ? [] : (here.ended ?? []).map(withoutEmptyNote),
    cursor: encodeCursor(nextCursor(asked, here, more ? page.at(-1) : undefined)),
    complete: !more,
  }
}

const withoutEmptyNote = ({ note, ...ended }: store.EndedConversation) =>
  note === null ? ended : { ...ended, note }

/** The first page fixes where the next sync begins; later pages keep it. */
function nextCursor(
  asked: Cursor | undefined,
  here: { snapshot: string; epoch: string },
  last: store.ChangedConversation | undefined,
): Cursor {
  const next = asked?.after ? asked.next : positionOf(here.snapshot)
  if (!last) return { epoch: here.epoch, since: next, next, after: null }
  const after = { lastAt: last.lastAt, conversationId: last.conversationId }
  return { epoch: here.epoch, since: asked?.since ?? null, next, after }
}

function startOf(row: store.ChangedConversation, known: Map<string, number>): number {
  const has = known.get(row.conversationId)
  return Math.max(has ?? row.lastSeq - newestOfUnknown, row.floorSeq)
}

function toChange(
  row: store.Changes['rows'][number],
  known: Map<string, number>,
  entries: Entry[],
): ConversationChange {
  const after = startOf(row, known)
  // The newest entry is told in any case; as part of `entries` it would hide the gap before it.
  const lacking = entries.filter(({ seq }) => seq > after && seq <= after + entriesEach)
  const reachesEnd = (lacking.at(-1)?.seq ?? after) >= row.lastSeq
  return {
    ...toListed(row, entries),
    entries: lacking,
    complete: reachesEnd && (known.has(row.conversationId) || after <= row.floorSeq),
    ...(row.hiddenSeqs ? { hiddenSeqs: row.hiddenSeqs } : {}),
    ...(row.readSeqs ? { readSeqs: row.readSeqs } : {}),
    ...(row.unreadSeqs ? { unreadSeqs: row.unreadSeqs } : {}),
  }
}
