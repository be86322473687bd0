import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely, Transaction } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from '../db/schema.ts'
import { indexSome } from './index-some.ts'
import * as store from './index-store.ts'

const everyMs = 500
/** Above this pressure sends go first, and the index goes on so many times slower. */
const muchPressure = 0.5
const givesWay = 10
const conversationsAtOnce = 1_000
/** How often every conversation is looked at, whether something about it was noted or not. */
const lookThroughEveryMs = 10 * 60_000

interface IndexerOptions {
  log: Logger
  db: Kysely<Database>
  metrics: Registry
  /** Entries at most. */
  perSecond: number
  /** What share of its time a lane of this instance spent on full batches since it was last asked, 0 to 1. */
  pressure: () => number
}

/**
 * Keeps the search index behind the logs, off the way of sends: announced dispatches leave the names of the
 * conversations that grew, and how far each is indexed is a watermark that moves in the same transaction as the
 * index. So a crash repeats at most what was not committed. Edits and recalls are entries too, and bring the
 * message they are about. One instance indexes at a time: two could write an old form of a message over a new one.
 */
export function startIndexer({ log, db, metrics, perSecond, pressure }: IndexerOptions): AsyncDisposable {
  const lag = new Gauge({
    name: 'parley_search_lag_seconds',
    help: 'How long the oldest growth of a log has been waiting for the search index',
    registers: [metrics],
  })
  const indexed = new Counter({
    name: 'parley_search_indexed_total',
    help: 'Messages this instance brought into the search index, anew or changed',
    registers: [metrics],
  })
  let lookedThrough: { after: string } | { at: number } = { after: '' }

  /** Most of a flood is indexed after it. */
  const entriesAtOnce = () =>
    Math.ceil((perSecond * everyMs) / 1_000 / (pressure() > muchPressure ? givesWay : 1))

  async function round(trx: Transaction<Database>): Promise<void> {
    if (!(await store.holdIndex(trx))) return
    const { messages, unfinished } = await indexSome(trx, entriesAtOnce())
    indexed.inc(messages)
    // Also while logs grow, which somewhere they always do; but what it finds is worked off before it goes on.
    if (unfinished < conversationsAtOnce) await lookThrough(trx)
  }

  /** Finds what nobody noted: logs that were there before the index, or grew while search was off. */
  async function lookThrough(trx: Transaction<Database>): Promise<void> {
    if ('at' in lookedThrough && Date.now() - lookedThrough.at < lookThroughEveryMs) return
    const after = 'after' in lookedThrough ? lookedThrough.after : ''
    const last = await store.noteForgotten(trx, { after, limit: conversationsAtOnce })
    lookedThrough = last === undefined ? { at: Date.now() } : { after: last }
  }

  return startLoop({ log, name: 'search index', everyMs }, async () => {
    await db.transaction().execute(round)
    lag.set(await store.findLagSeconds(db))
  })
}
