import type { ConversationId, UserId } from '@parley/shared/ids'
import type { JobQueue } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { findConnected } from '@parley/shared/presence'
import type { chatPush } from '@parley/shared/queues'
import { type Announcer, encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Redis } from 'ioredis'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { entriesPerJob } from './due.ts'
import * as store from './store.ts'

/** How long entries of a conversation gather before its absent members are looked for. */
const gatherMs = 250
const conversationsPerRound = 200
const usersPerJob = 100
/** Beyond this nothing more is remembered; the watermarks still know, and the rebuild finds it. */
const maxNoted = 50_000
const rebuildEveryMs = 30_000
const rebuildLimit = 1_000
const epochKey = 'parley:epoch'

interface AbsenteesOptions {
  config: Pick<Config, 'ackWaitMs'>
  log: Logger
  db: Kysely<Database>
  redis: Redis
  pushQueue: JobQueue<typeof chatPush.data>
  announcer: Announcer
}

interface Waiting extends Span {
  dueAt: number
}

/**
 * Sees to those whom a doorbell does not reach. Who has no live session becomes an offline delivery at once;
 * who has one but stays silent is rung again after a wait, and becomes one too. What is noted here is only a
 * hint: watermarks in Postgres say who is still to be told, so a crash or a wiped Redis loses nothing.
 */
export function createAbsentees({ config, log, db, redis, pushQueue, announcer }: AbsenteesOptions) {
  let noted = new Map<string, Span>()
  const silent = new Map<string, Waiting>()

  async function look(): Promise<void> {
    const fresh = takeSome(noted, conversationsPerRound)
    if (fresh.length > 0) await deliver(fresh, 'first').catch((err: unknown) => putBack(fresh, err))
    const now = Date.now()
    const overdue = [...silent.values()].filter(({ dueAt }) => dueAt <= now).slice(0, conversationsPerRound)
    for (const { conversationId } of overdue) silent.delete(conversationId)
    if (overdue.length > 0) await deliver(overdue, 'second').catch((err: unknown) => putBack(overdue, err))
  }

  async function deliver(spans: Span[], turn: 'first' | 'second'): Promise<void> {
    const unreached = await store.listUnreached(db, spans)
    if (unreached.length === 0) return
    const connected = await findConnected(redis, [
      ...new Set(unreached.map(({ userId }) => userId as UserId)),
    ])
    const spanOf = new Map(spans.map((span) => [span.conversationId, span]))
    const away =
      turn === 'second' ? unreached : unreached.filter(({ userId }) => !connected.has(userId as UserId))
    await enqueue(away, spanOf)

    const quiet = unreached.filter(({ userId }) => connected.has(userId as UserId))
    if (turn === 'second') return ringAgain(quiet)
    for (const { conversationId } of quiet) waitFor(spanOf.get(conversationId))
  }

  async function enqueue(away: store.Absentee[], spanOf: Map<string, Span>, round = ''): Promise<void> {
    const jobs = [...Map.groupBy(away, ({ conversationId }) => conversationId)].flatMap(
      ([conversationId, members]) =>
        piecesOf(spanOf.get(conversationId)).flatMap(({ firstSeq, lastSeq }) =>
          chunks(members, usersPerJob).map((chunk, i) => ({
            id: [conversationId, firstSeq, lastSeq, i, round].join('_'),
            data: {
              conversationId: conversationId as ConversationId,
              firstSeq,
              lastSeq,
              userIds: chunk.map(({ userId }) => userId as UserId),
            },
          })),
        ),
    )
    if (jobs.length > 0) await pushQueue.add(jobs)
  }

  async function ringAgain(quiet: store.Absentee[]): Promise<void> {
    const text = encodeEvent('log:stale', { withinMs: 1_000 })
    const rooms = new Set(quiet.map(({ userId }) => userRoom(userId as UserId)))
    await announcer.ring([...rooms].map((room) => ({ room, text })))
  }

  /** One look per conversation and wait: it covers all that has come by then. */
  function waitFor(span: Span | undefined): void {
    if (!span || silent.has(span.conversationId) || silent.size >= maxNoted) return
    silent.set(span.conversationId, { ...span, dueAt: Date.now() + config.ackWaitMs })
  }

  function putBack(spans: Span[], err: unknown): void {
    log.warn({ err, conversations: spans.length }, 'offline deliveries are tried again')
    for (const span of spans) note(span)
  }

  function note(span: Span): void {
    const known = noted.get(span.conversationId)
    if (known) {
      known.firstSeq = Math.min(known.firstSeq, span.firstSeq)
      known.lastSeq = Math.max(known.lastSeq, span.lastSeq)
    } else if (noted.size < maxNoted) {
      noted.set(span.conversationId, { ...span })
    }
  }

  /** What is due by the watermarks, whatever became of hints and jobs. */
  async function rebuild(): Promise<void> {
    const untold = await store.listUntold(db, rebuildLimit)
    const round = `r${Math.floor(Date.now() / rebuildEveryMs)}`
    for (const { userId, ...span } of untold) {
      // Of a long silence only the newest is told: hundreds of banners at once help nobody.
      const newest = { ...span, firstSeq: Math.max(span.firstSeq, span.lastSeq - entriesPerJob + 1) }
      await enqueue(
        [{ conversationId: span.conversationId, userId }],
        new Map([[span.conversationId, newest]]),
        `${userId}${round}`.replaceAll(':', '-'),
      )
    }
    await redis.set(epochKey, '1')
  }

  const looking = startLoop({ log, name: 'absentees', everyMs: gatherMs }, look)
  const rebuilding = startLoop({ log, name: 'offline rebuild', everyMs: rebuildEveryMs }, rebuild)
  // A Redis that has lost its memory has lost the jobs in it; there is no need to wait for the next rebuild.
  const watching = startLoop({ log, name: 'redis epoch', everyMs: 2_000 }, async () => {
    if ((await redis.exists(epochKey)) === 0) await rebuild()
  })

  return {
    /** Entries that were just committed; their absent recipients are looked for within moments. */
    note,
    async [Symbol.asyncDispose]() {
      await Promise.all([looking, rebuilding, watching].map((loop) => loop[Symbol.asyncDispose]()))
      await look().catch((err: unknown) => log.warn({ err }, 'offline deliveries are left to the rebuild'))
      noted = new Map()
    },
  }
}

export type Absentees = ReturnType<typeof createAbsentees>

/** A span in pieces of which one job can tell every entry. */
function piecesOf(span: Span | undefined): { firstSeq: number; lastSeq: number }[] {
  if (!span) return []
  const count = Math.ceil((span.lastSeq - span.firstSeq + 1) / entriesPerJob)
  return Array.from({ length: count }, (_, i) => {
    const firstSeq = span.firstSeq + i * entriesPerJob
    return { firstSeq, lastSeq: Math.min(span.lastSeq, firstSeq + entriesPerJob - 1) }
  })
}

function takeSome(map: Map<string, Span>, count: number): Span[] {
  const taken = [...map.values()].slice(0, count)
  for (const { conversationId } of taken) map.delete(conversationId)
  return taken
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}
