import type { UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { findConnected } from '@parley/shared/presence'
import { type Announcer, encodeEvent, userRoom } from '@parley/shared/realtime'
import type { Redis } from 'ioredis'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { type Absentee, listUnreached } from './absentees-store.ts'
import { enqueuePushes, type PushQueue } from './enqueue-pushes.ts'
import { createMemberCache } from './member-cache.ts'
import { startRebuild } from './rebuild.ts'

/** How long entries of a conversation gather before its absent members are looked for. */
const gatherMs = 250
const conversationsPerRound = 200
/** Beyond this nothing more is remembered; the watermarks still know, and the rebuild finds it. */
const maxNoted = 50_000

interface AbsenteesOptions {
  config: Pick<Config, 'ackWaitMs'>
  log: Logger
  db: Kysely<Database>
  redis: Redis
  pushQueue: PushQueue
  announcer: Announcer
}

/** Entries that were just committed, and the version of the members they were committed under, where it is known. */
export interface NotedSpan extends Span {
  membersVersion: number | undefined
}

/** Entries whose silence is waited out, and those that came meanwhile, whose wait begins when this one ends. */
interface Silence extends NotedSpan {
  dueAt: number
  next?: NotedSpan
}

/**
 * Sees to those whom a doorbell does not reach. Who has no live session becomes an offline delivery at once;
 * who has one but stays silent is rung again after a wait, and becomes one too. What is noted here is only a
 * hint: watermarks in Postgres say who is still to be told, so a crash or a wiped Redis loses nothing.
 */
export function createAbsentees({ config, log, db, redis, pushQueue, announcer }: AbsenteesOptions) {
  const noted = new Map<string, NotedSpan>()
  const silent = new Map<string, Silence>()
  const members = createMemberCache(db)

  async function look(): Promise<void> {
    const fresh = take(noted, noted.values())
    await lookForAway(fresh).catch((err: unknown) => putBack(fresh, err))
    const now = Date.now()
    const overdue = take(
      silent,
      silent.values().filter(({ dueAt }) => dueAt <= now),
    )
    for (const silence of overdue) {
      if (silence.next) waitFor(silence.next)
      delete silence.next
    }
    await lookForSilent(overdue).catch((err: unknown) => putBack(overdue, err))
  }

  /** Asks presence alone; Postgres is asked only where somebody is away. */
  async function lookForAway(spans: NotedSpan[]): Promise<void> {
    if (spans.length === 0) return
    const membersOf = await members.membersOf(spans)
    const connected = await findConnected(redis, [...new Set([...membersOf.values()].flat())] as UserId[])
    const isAway = (userId: string) => !connected.has(userId as UserId)
    const withAway = spans.filter(({ conversationId }) => membersOf.get(conversationId)?.some(isAway))
    if (withAway.length > 0) {
      const unreached = await listUnreached(db, withAway)
      await deliver(
        unreached.filter(({ userId }) => isAway(userId)),
        withAway,
      )
    }
    for (const span of spans) waitFor(span)
  }

  async function lookForSilent(spans: NotedSpan[]): Promise<void> {
    if (spans.length === 0) return
    const unreached = await listUnreached(db, spans)
    await deliver(unreached, spans)
    const text = encodeEvent('log:stale', { withinMs: 1_000 })
    const rooms = new Set(unreached.map(({ userId }) => userRoom(userId as UserId)))
    await announcer.ring([...rooms].map((room) => ({ room, text })))
  }

  async function deliver(unreached: Absentee[], spans: Span[]): Promise<void> {
    const byConversation = Map.groupBy(unreached, ({ conversationId }) => conversationId)
    const deliveries = spans.flatMap(({ conversationId, firstSeq, lastSeq }) => {
      const userIds = byConversation.get(conversationId)?.map(({ userId }) => userId)
      return userIds ? [{ conversationId, firstSeq, lastSeq, userIds }] : []
    })
    await enqueuePushes(pushQueue, deliveries)
  }

  /** One wait at a time for each conversation, so that an entry waits at most twice as long. */
  function waitFor(span: NotedSpan): void {
    const running = silent.get(span.conversationId)
    if (running?.next) widen(running.next, span)
    else if (running) running.next = { ...span }
    else if (silent.size < maxNoted)
      silent.set(span.conversationId, { ...span, dueAt: Date.now() + config.ackWaitMs })
  }

  function putBack(spans: NotedSpan[], err: unknown): void {
    log.warn({ err, conversations: spans.length }, 'offline deliveries are tried again')
    for (const span of spans) note(span)
  }

  function note(span: NotedSpan): void {
    const known = noted.get(span.conversationId)
    if (known) widen(known, span)
    else if (noted.size < maxNoted) noted.set(span.conversationId, { ...span })
  }

  const looking = startLoop({ log, name: 'absentees', everyMs: gatherMs }, look)
  const rebuilding = startRebuild({ log, db, redis, pushQueue })

  return {
    /** Entries that were just committed; their absent recipients are looked for within moments. */
    note,
    async [Symbol.asyncDispose]() {
      await Promise.all([looking, rebuilding].map((loop) => loop[Symbol.asyncDispose]()))
      await look()
    },
  }
}

export type Absentees = ReturnType<typeof createAbsentees>

function widen(known: NotedSpan, span: NotedSpan): void {
  known.firstSeq = Math.min(known.firstSeq, span.firstSeq)
  known.lastSeq = Math.max(known.lastSeq, span.lastSeq)
  known.membersVersion = span.membersVersion
}

/** Takes some of the values out of the map they are in. */
function take<T extends Span>(from: Map<string, T>, values: Iterable<T>): T[] {
  const taken = [...Iterator.from(values).take(conversationsPerRound)]
  for (const { conversationId } of taken) from.delete(conversationId)
  return taken
}
