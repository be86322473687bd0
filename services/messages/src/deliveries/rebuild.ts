import { queuePrefix } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { chatPush } from '@parley/shared/queues'
import type { RedisClient } from '@parley/shared/redis'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { listUntold, passOverSpans, type Untold } from './absentees-store.ts'
import { alertKinds } from './due-store.ts'
import { enqueuePushes, type OfflineDelivery, type PushQueue } from './enqueue-pushes.ts'
import { listReachable } from './shown-store.ts'

const everyMs = 30_000
/** So much of it at a time: where there are too many users for that, going round takes several times. */
const atMostMs = 2_000
const spansPerPage = 2_000
/** Present as long as Redis remembers what was added to the queue, in whose slot it is. */
const memoryKey = `${queuePrefix(chatPush.queue)}:epoch`

interface RebuildOptions {
  db: Kysely<Database>
  pushQueue: PushQueue
}

/**
 * Makes the offline deliveries that are due by the watermarks, whatever became of hints and jobs: it goes round all
 * users with a push token, every half minute for two seconds at most; and without a rest, from the beginning, when
 * Redis has lost its memory and so the jobs in it.
 */
export function startRebuild({
  log,
  redis,
  ...options
}: RebuildOptions & { log: Logger; redis: RedisClient }): AsyncDisposable {
  let after = ''
  let nextAt = performance.now() + everyMs
  /** How many times it goes round without a rest on the way. */
  let hurried = 0

  async function look(): Promise<void> {
    // Of all instances the one that notices hurries: twice, since what was just sent is too young the first time.
    if ((await redis.set(memoryKey, '1', 'NX')) === 'OK') [after, nextAt, hurried] = ['', 0, 2]
    const isOnTheWay = hurried > 0 && after !== ''
    if (!isOnTheWay && performance.now() < nextAt) return
    nextAt = performance.now() + everyMs
    const until = performance.now() + atMostMs
    do after = await rebuild(options, { idleMs: everyMs, after })
    while (after !== '' && performance.now() < until)
    if (after === '' && hurried > 0) hurried--
  }

  return startLoop({ log, name: 'offline rebuild', everyMs: 2_000 }, look)
}

interface PageOptions {
  /** Only what is older than this. */
  idleMs: number
  /** The user after whom the page begins. */
  after?: string
  usersEach?: number
  entriesEach?: number
}

/** One page of it: what some users have not been told. Says after whom the next begins, '' if it was the last. */
export async function rebuild(
  { db, pushQueue }: RebuildOptions,
  { idleMs, after = '', usersEach = 500, entriesEach = 1_000 }: PageOptions,
): Promise<string> {
  const userIds = await listReachable(db, { kinds: alertKinds, after, limit: usersEach })
  const untold = await listUntold(db, userIds, { idleMs, limit: spansPerPage, entriesEach })
  // The same on every instance, so that they add the same jobs.
  const round = `r${Math.floor(Date.now() / everyMs)}`
  const due = Map.groupBy(
    untold.filter(({ isDue }) => isDue),
    ({ conversationId }) => conversationId,
  )
  await enqueuePushes(pushQueue, [...due].map(deliveryOf), round)
  await passOverSpans(
    db,
    untold.filter(({ isDue }) => !isDue),
  )
  if (untold.length === spansPerPage) return untold.at(-1)?.userId ?? ''
  return userIds.length === usersEach ? (userIds.at(-1) ?? '') : ''
}

/** One for all in a conversation: what is due to each is asked of the watermarks when they are told. */
function deliveryOf([conversationId, spans]: [string, Untold[]]): OfflineDelivery {
  return {
    conversationId,
    firstSeq: Math.min(...spans.map(({ firstSeq }) => firstSeq)),
    lastSeq: Math.max(...spans.map(({ lastSeq }) => lastSeq)),
    userIds: spans.map(({ userId }) => userId),
  }
}
