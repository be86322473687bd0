import type { UserId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import type { Context } from '../context.ts'

const gatherMs = 2_000
const maxGathered = 50_000
const maxBatch = 1_000

export type LastSeen = ReturnType<typeof startLastSeen>

/** Tells messages when users left this gateway, many at a time and off the path of anything. */
export function startLastSeen({ messages, log }: Pick<Context, 'messages' | 'log'>) {
  const gathered = new Map<UserId, Date>()

  async function tell(): Promise<void> {
    while (gathered.size > 0) {
      const batch = [...gathered.entries().take(maxBatch)]
      for (const [userId] of batch) gathered.delete(userId)
      try {
        await messages.seen(batch.map(([userId, at]) => ({ userId, at: at.toISOString() })))
      } catch (cause) {
        for (const [userId, at] of batch) add(userId, at)
        throw cause
      }
    }
  }

  function add(userId: UserId, at: Date): void {
    const known = gathered.get(userId)
    if (known ? known < at : gathered.size < maxGathered) gathered.set(userId, at)
  }

  const telling = startLoop({ log, name: 'last seen', everyMs: gatherMs }, tell)

  return {
    add,
    async [Symbol.asyncDispose]() {
      await telling[Symbol.asyncDispose]()
      await tell().catch((err: unknown) => log.warn({ err }, 'when users were last seen was not told'))
    },
  }
}
