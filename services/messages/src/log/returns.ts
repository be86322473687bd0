import { AppError } from '@parley/shared/errors'
import type { SyncPage } from '@parley/shared/protocol'
import type { ReturnAsk } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import * as store from './changes-store.ts'
import { decodeCursor, encodeCursor, positionOf, snapshotOf } from './cursor.ts'
import { sync } from './sync.ts'

type Answer = { page?: SyncPage } | AppError
type ReturnContext = Pick<Context, 'db' | 'pages'>

const pagesAtOnce = 20
/** One reply holds no more than this, give or take what is read at once. */
const maxEntries = 1_000

/**
 * First pages of many devices that come back at once. Those for which nothing has changed are found by one statement, the
 * pages of the others are read together. Whoever is left without one, because the reply is full, asks alone. Errors: those of
 * a sync, each asker's own.
 */
export async function findReturns(ctx: ReturnContext, asks: ReturnAsk[]): Promise<Answer[]> {
  const answers = await findUnchanged(ctx, asks)
  const changed = asks.flatMap((ask, i) => {
    const answer = answers[i]
    return answer instanceof AppError || answer?.page ? [] : [{ i, ...ask }]
  })
  let entries = 0
  for (let from = 0; from < changed.length && entries < maxEntries; from += pagesAtOnce) {
    const some = changed.slice(from, from + pagesAtOnce)
    const pages = await Promise.all(some.map(({ userId, query }) => pageOf(ctx, userId, query)))
    some.forEach(({ i }, n) => {
      const page = pages[n]
      if (!page) return
      answers[i] = page instanceof AppError ? page : { page }
      if (page instanceof AppError) return
      for (const conversation of page.conversations) entries += 1 + conversation.entries.length
    })
  }
  return answers
}

const pageOf = (ctx: ReturnContext, userId: ReturnAsk['userId'], query: ReturnAsk['query']) =>
  sync(ctx, userId, query).catch((cause: unknown) => AppError.from(cause))

/** Those for which nothing has changed get the cursor that a sync would end with, the others nothing. */
async function findUnchanged({ db }: ReturnContext, asks: ReturnAsk[]): Promise<Answer[]> {
  const cursors = asks.map(({ query }) => {
    try {
      return query.cursor === undefined ? undefined : decodeCursor(query.cursor)
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
  const page = { conversations: [], ended: [], cursor, complete: true }
  const isUnchanged = new Set(unchanged.map((place) => devices[place - 1]?.i))
  return cursors.map((asked, i) => {
    if (asked instanceof AppError) return asked
    return isUnchanged.has(i) && asked?.epoch === epoch ? { page } : {}
  })
}
