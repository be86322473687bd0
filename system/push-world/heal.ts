import type { RedisClient } from '@parley/shared/redis'
import { Cluster } from 'ioredis'
import { vi } from 'vitest'
import type { JobBoard } from './job-board.ts'
import type { Messages } from './messages.ts'

const longMs = 10 * 60_000

interface HealOptions {
  board: JobBoard
  messages: Messages
  redis: RedisClient
  /** Takes that there was no end to it; with anything in it there is no use in going on. */
  wrong: string[]
}

/** Everything works again, until nothing is left to do. */
export async function heal({ board, messages, redis, wrong }: HealOptions): Promise<void> {
  for (let round = 0; round < 40 && wrong.length === 0; round++) {
    const before = board.addedCount()
    vi.setSystemTime(Date.now() + longMs)
    if (!board.hasWorkers()) await ageLedger(redis, longMs)
    await messages.absentees.look()
    await messages.rebuild()
    await messages.withdrawals.look()
    await messages.withdrawals.sweep()
    if (board.addedCount() === before && board.isIdle()) return
    for (let turns = 0; turns < 200 && wrong.length === 0 && !board.isIdle(); turns++) {
      board.work()
      await board.proceed(20)
      vi.setSystemTime(Date.now() + longMs)
    }
  }
  wrong.push('it never came to rest')
}

/** Redis has a clock of its own, which nobody plays: what a job held that is no more would be held for ever. */
async function ageLedger(redis: RedisClient, ms: number): Promise<void> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const keys = await Promise.all(
    servers.map((server) => Array.fromAsync(server.scanStream({ match: 'parley:push:*' }))),
  )
  for (const key of keys.flat(2) as string[]) {
    const leftMs = (await redis.pttl(key)) - ms
    if (leftMs > 0) await redis.pexpire(key, leftMs)
    else await redis.del(key)
  }
}
