import { queuePrefix } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { chatPush } from '@parley/shared/queues'
import type { RedisClient } from '@parley/shared/redis'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import { listUntold } from './absentees-store.ts'
import { enqueuePushes, type PushQueue } from './enqueue-pushes.ts'

const everyMs = 30_000
const pageSize = 1_000
/** Present as long as Redis remembers what was added to the queue, in whose slot it is. */
const memoryKey = `${queuePrefix(chatPush.queue)}:epoch`

interface RebuildOptions {
  db: Kysely<Database>
  redis: RedisClient
  pushQueue: PushQueue
}

/**
 * Makes the offline deliveries that are due by the watermarks, whatever became of hints and jobs: every half minute,
 * and at once when Redis has lost its memory and so the jobs in it.
 */
export function startRebuild({ log, ...options }: RebuildOptions & { log: Logger }): AsyncDisposable {
  const round = () => rebuild(options, { idleMs: everyMs })
  const rebuilding = startLoop({ log, name: 'offline rebuild', everyMs }, round)
  const watching = startLoop({ log, name: 'redis memory', everyMs: 2_000 }, async () => {
    if ((await options.redis.exists(memoryKey)) === 0) await round()
  })
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([rebuilding, watching].map((loop) => loop[Symbol.asyncDispose]()))
    },
  }
}

/** One page of it: what is untold of conversations that have been quiet for so long. */
export async function rebuild(
  { db, redis, pushQueue }: RebuildOptions,
  { idleMs }: { idleMs: number },
): Promise<void> {
  const untold = await listUntold(db, { limit: pageSize, idleMs })
  // The same on every instance, so that they add the same jobs.
  const round = `r${Math.floor(Date.now() / everyMs)}`
  const deliveries = untold.map(({ userId, ...span }) => ({ ...span, userIds: [userId] }))
  await enqueuePushes(pushQueue, deliveries, round)
  await redis.set(memoryKey, '1')
}
