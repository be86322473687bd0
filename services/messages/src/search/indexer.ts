import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely, Transaction } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from '../db/schema.ts'
import { searchableText } from './searchable-text.ts'
import * as store from './store.ts'
import { termsOf } from './terms.ts'

const everyMs = 500
const pendingAtOnce = 500
const conversationsAtOnce = 1_000
/** How often every conversation is looked at, whether something about it was noted or not. */
const lookThroughEveryMs = 10 * 60_000

interface IndexerOptions {
  log: Logger
  db: Kysely<Database>
  metrics: Registry
  /** Entries at most, so that a flood of sends has the database to itself and is indexed after it. */
  perSecond: number
}

/**
 * Keeps the search index behind the logs, off the way of sends: announced dispatches leave the names of the
 * conversations that grew, and how far each is indexed is a watermark that moves in the same transaction as the
 * index. So a crash repeats at most what was not committed. Edits and recalls are entries too, and bring the
 * message they are about. One instance indexes at a time: two could write an old form of a message over a new one.
 */
export function startIndexer({ log, db, metrics, perSecond }: IndexerOptions): AsyncDisposable {
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
  const entriesAtOnce = Math.ceil((perSecond * everyMs) / 1_000)
  let lookedThrough: { after: string } | { at: number } = { after: '' }

  async function indexSome(trx: Transaction<Database>): Promise<void> {
    if (!(await store.holdIndex(trx))) return
    const pending = await store.listPending(trx, pendingAtOnce)
    if (pending.length === 0) return lookThrough(trx)
    const behind = await store.listBehind(trx, [...new Set(pending.flatMap((row) => row.conversationIds))])
    const stretches = withinBudget(behind, entriesAtOnce)
    if (stretches.length > 0) {
      const changed = await store.listChanged(trx, stretches)
      const documents = changed.map((message) => ({ ...message, terms: termsOfMessage(message) }))
      await store.upsertDocuments(
        trx,
        documents.filter(({ terms }) => terms.length > 0),
      )
      await store.removeDocuments(
        trx,
        documents.filter(({ terms }) => terms.length === 0),
      )
      await store.advanceProgress(trx, stretches)
      indexed.inc(documents.length)
    }
    const reached = new Map(stretches.map(({ conversationId, upTo }) => [conversationId, upTo]))
    const left = new Set(
      behind
        .filter(({ conversationId, lastSeq }) => (reached.get(conversationId) ?? -1) < lastSeq)
        .map(({ conversationId }) => conversationId),
    )
    const done = pending.filter(({ conversationIds }) => !conversationIds.some((id) => left.has(id)))
    await store.removePending(
      trx,
      done.map(({ pendingId }) => pendingId),
    )
  }

  /** Finds what nobody noted: logs that were there before the index, or grew while search was off. */
  async function lookThrough(trx: Transaction<Database>): Promise<void> {
    if ('at' in lookedThrough && Date.now() - lookedThrough.at < lookThroughEveryMs) return
    const after = 'after' in lookedThrough ? lookedThrough.after : ''
    const last = await store.noteForgotten(trx, { after, limit: conversationsAtOnce })
    lookedThrough = last === undefined ? { at: Date.now() } : { after: last }
  }

  return startLoop({ log, name: 'search index', everyMs }, async () => {
    await db.transaction().execute(indexSome)
    lag.set(await store.findLagSeconds(db))
  })
}

/** A share of the oldest first, so that no transaction grows with a backlog. */
function withinBudget(behind: store.Behind[], entriesAtOnce: number) {
  let budget = entriesAtOnce
  return behind.flatMap(({ conversationId, indexedSeq, lastSeq }) => {
    const take = Math.min(lastSeq - indexedSeq, budget)
    budget -= take
    return take > 0 ? [{ conversationId, after: indexedSeq, upTo: indexedSeq + take }] : []
  })
}

const termsOfMessage = (message: store.Changed) =>
  message.recalledAt ? [] : termsOf(searchableText(message))
