import { AppError } from '@parley/shared/errors'
import type { UnchangedAsk } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { decodeCursor, encodeCursor, positionOf, snapshotOf } from './cursor.ts'
import * as store from './store.ts'

/**
 * Of many devices that come back at once, those for which nothing has changed: each gets the cursor that a sync would end
 * with. One statement for all of them; whoever is not among them syncs. Errors: those of a sync, each asker's own.
 */
export async function findUnchanged(
  { db }: Pick<Context, 'db'>,
  asks: UnchangedAsk[],
): Promise<({ cursor?: string } | AppError)[]> {
  const cursors = asks.map(({ cursor }) => {
    try {
      return decodeCursor(cursor)
    } catch (cause) {
      return AppError.from(cause)
    }
  })
  // A sync that is under way goes on page by page.
  const devices = asks.flatMap(({ userId }, i) => {
    const cursor = cursors[i]
    return cursor && !(cursor instanceof AppError) && cursor.since && !cursor.after
      ? [{ i, userId, before: cursor.since.before, snapshot: snapshotOf(cursor.since) }]
      : []
  })
  if (devices.length === 0) return cursors.map((cursor) => (cursor instanceof AppError ? cursor : {}))
  const { snapshot, epoch, unchanged } = await store.listUnchanged(db, devices)
  const here = positionOf(snapshot)
  const cursor = encodeCursor({ epoch, since: here, next: here, after: null })
  const isUnchanged = new Set(unchanged.map((place) => devices[place - 1]?.i))
  return cursors.map((asked, i) => {
    if (asked instanceof AppError) return asked
    return isUnchanged.has(i) && asked.epoch === epoch ? { cursor } : {}
  })
}
