import type { UserId } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { findConnected } from '@parley/shared/presence'
import { type Announcer, encodeEvent, userRoom } from '@parley/shared/realtime'
import type { RedisClient } from '@parley/shared/redis'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import type { Span } from '../dispatch/store.ts'
import { type Absentee, listUnreached } from './absentees-store.ts'
import { enqueuePushes, type PushQueue } from './enqueue-pushes.ts'
import { createMemberCache } from './member-cache.ts'
import { type Reach, patienceMs } from './patience.ts'
import { createSilences, type NotedSpan, widen } from './silences.ts'

/** Between two looks for absent members. What is noted after a rest is looked at at once, a flow of entries gathers. */
const gatherMs = 250
const conversationsPerRound = 200
/** Beyond this nothing more is remembered; the watermarks still know, and the rebuild finds it. */
const maxNoted = 50_000

interface AbsenteesOptions {
  config: Pick<Config, 'ackWaitMs' | 'backgroundAckWaitMs'>
  log: Logger
  db: Kysely<Database>
  redis: RedisClient
  pushQueue: PushQueue
  announcer: Announcer
}

/**
 * Sees to those whom a doorbell does not reach. Who has no live session becomes an offline delivery at once; who
 * has one but stays silent is rung again after a wait, a shorter one with the app in the background, and becomes
 * one too. What is noted here is only a hint: watermarks in Postgres say who is still to be told, so a crash or a
 * wiped Redis loses nothing.
 */
export function createAbsentees({ config, log, db, redis, pushQueue, announcer }: AbsenteesOptions) {
  const noted = new Map<string, NotedSpan>()
  const waits = { foregroundMs: config.ackWaitMs, backgroundMs: config.backgroundAckWaitMs }
  const silences = {
    background: createSilences({ waitMs: patienceMs('background', waits), most: maxNoted }),
    foreground: createSilences({ waitMs: patienceMs('foreground', waits), most: maxNoted }),
  }
  const members = createMemberCache(db)

  async function look(): Promise<void> {
    await passOn(takeNoted(), lookForAway)
    await passOn(silences.background.takeEnded(conversationsPerRound), lookForFrozen)
    await passOn(silences.foreground.takeEnded(conversationsPerRound), lookForSilent)
  }

  async function passOn(spans: NotedSpan[], to: (spans: NotedSpan[]) => Promise<void>): Promise<void> {
    if (spans.length === 0) return
    await to(spans).catch((err: unknown) => {
      log.warn({ err, conversations: spans.length }, 'offline deliveries are tried again')
      for (const span of spans) note(span)
    })
  }

  /** Asks presence alone; Postgres is asked only where somebody is away. */
  async function lookForAway(spans: NotedSpan[]): Promise<void> {
    const reaches = await reachesOf(spans)
    await deliver(await unreachedWithin(0, spans, reaches), spans)
    for (const span of spans) {
      const inBackground = reaches.membersOf(span).some((userId) => reaches.of(userId) === 'background')
      if (inBackground) silences.background.begin(span)
      silences.foreground.begin(span)
    }
  }

  async function lookForFrozen(spans: NotedSpan[]): Promise<void> {
    const unreached = await unreachedWithin(silences.background.waitMs, spans, await reachesOf(spans))
    await deliver(unreached, spans)
    await ringAgain(unreached)
  }

  async function lookForSilent(spans: NotedSpan[]): Promise<void> {
    const unreached = await listUnreached(db, spans)
    await deliver(unreached, spans)
    await ringAgain(unreached)
  }

  async function reachesOf(spans: NotedSpan[]) {
    const membersOf = await members.membersOf(spans)
    const everybody = new Set([...membersOf.values()].flat())
    const connected = await findConnected(redis, [...everybody] as UserId[])
    return {
      membersOf: ({ conversationId }: Span) => membersOf.get(conversationId) ?? [],
      of: (userId: string): Reach => connected.get(userId as UserId) ?? 'away',
    }
  }

  /** Those whose apps should have answered by now. */
  async function unreachedWithin(
    waitedMs: number,
    spans: NotedSpan[],
    reaches: Awaited<ReturnType<typeof reachesOf>>,
  ): Promise<Absentee[]> {
    const isOver = (userId: string) => patienceMs(reaches.of(userId), waits) <= waitedMs
    const some = spans.filter((span) => reaches.membersOf(span).some(isOver))
    return some.length === 0 ? [] : (await listUnreached(db, some)).filter(({ userId }) => isOver(userId))
  }

  async function ringAgain(unreached: Absentee[]): Promise<void> {
    const text = encodeEvent('log:stale', { withinMs: 1_000 })
    const rooms = new Set(unreached.map(({ userId }) => userRoom(userId as UserId)))
    await announcer.ring([...rooms].map((room) => ({ room, text })))
  }

  async function deliver(unreached: Absentee[], spans: NotedSpan[]): Promise<void> {
    const byConversation = Map.groupBy(unreached, ({ conversationId }) => conversationId)
    const deliveries = spans.flatMap(({ conversationId, firstSeq, lastSeq, trace }) => {
      const userIds = byConversation.get(conversationId)?.map(({ userId }) => userId)
      return userIds ? [{ conversationId, firstSeq, lastSeq, userIds, trace }] : []
    })
    await enqueuePushes(pushQueue, deliveries)
  }

  function takeNoted(): NotedSpan[] {
    const taken = [...noted.values().take(conversationsPerRound)]
    for (const { conversationId } of taken) noted.delete(conversationId)
    return taken
  }

  function note(span: NotedSpan): void {
    const known = noted.get(span.conversationId)
    if (known) widen(known, span)
    else if (noted.size < maxNoted) noted.set(span.conversationId, { ...span })
  }

  return {
    /** Remembers entries that were just committed for the next look. */
    note,
    look,
  }
}

/** Looks for them again and again; disposing looks once more. */
export function startAbsentees({ note, look }: ReturnType<typeof createAbsentees>, log: Logger) {
  const looking = startLoop({ log, name: 'absentees', everyMs: gatherMs }, look)
  return {
    /** Entries that were just committed; their absent recipients are looked for within moments. */
    note(span: NotedSpan): void {
      note(span)
      looking.soon()
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await looking[Symbol.asyncDispose]()
      await look()
    },
  }
}

export type Absentees = ReturnType<typeof startAbsentees>
