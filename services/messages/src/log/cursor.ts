import { Timestamp } from '@parley/shared/entry'
import { z } from 'zod'
import { decodePosition, encodePosition } from './opaque-position.ts'

const xid = z.string().regex(/^[1-9]\d{0,18}$/)

/** The rest of a snapshot whose oldest running transaction is known: where it ended, and which within were running. */
const Seen = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 31),
  )
  .min(1)
  .refine(
    ([end = 0, ...running]) => running.every((at, i) => at < end && (i === 0 || at > (running[i - 1] ?? 0))),
    'running transactions in order, before the end',
  )
/** Beyond this the list of running transactions is left out, and what committed among them is told twice. */
const maxSeenBytes = 60

/** What a device has: everything of transactions before `before`, and of later ones what `seen` shows. */
const Position = z.object({ before: xid, seen: Seen.optional() })
export type Position = z.output<typeof Position>

/**
 * Where a device stands in its sync. `since`: what it has. `next`: what it will have when the pages are through.
 * `after`: the last conversation of the page before.
 */
export interface Cursor {
  epoch: string
  since: Position | null
  next: Position
  after: { lastAt: string; conversationId: string } | null
}

/** As it travels. The release before this one reads the same without what was seen, and tells some of it twice. */
const Encoded = z.object({
  epoch: z.uuid(),
  since: xid.nullable(),
  next: xid,
  after: z.object({ lastAt: Timestamp, conversationId: z.string().max(64) }).nullable(),
  seen: Seen.optional(),
  nextSeen: Seen.optional(),
})

/** From `pg_current_snapshot()::text`: the oldest running transaction, the next one to begin, those running. */
export function positionOf(snapshot: string): Position {
  const [before = '', end = '', running = ''] = snapshot.split(':')
  const offset = (id: string) => Number(BigInt(id) - BigInt(before))
  const seen = [end, ...running.split(',').filter((id) => id !== '')].map(offset)
  return JSON.stringify(seen).length > maxSeenBytes ? { before } : { before, seen }
}

/** The same for `pg_visible_in_snapshot`. */
export function snapshotOf({ before, seen = [0] }: Position): string {
  const [end = '', ...running] = seen.map((offset) => String(BigInt(before) + BigInt(offset)))
  return `${before}:${end}:${running.join(',')}`
}

export function encodeCursor({ epoch, since, next, after }: Cursor): string {
  return encodePosition<typeof Encoded>({
    epoch,
    since: since?.before ?? null,
    next: next.before,
    after,
    ...(since?.seen ? { seen: since.seen } : {}),
    ...(next.seen && since !== next ? { nextSeen: next.seen } : {}),
  })
}

export function decodeCursor(text: string): Cursor {
  const { epoch, since, next, after, seen, nextSeen } = decodePosition(Encoded, text)
  const position = (before: string, withSeen: Position['seen']): Position =>
    withSeen ? { before, seen: withSeen } : { before }
  return {
    epoch,
    since: since === null ? null : position(since, seen),
    next: position(next, nextSeen),
    after,
  }
}
