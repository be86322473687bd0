import type { ConnectionPolicy } from './policy.ts'
import type { Http2Request, Http2Result } from './request.ts'

export interface Pending {
  request: Http2Request
  resolve: (result: Http2Result) => void
  /** How often it has been handed back unprocessed. */
  replays: number
  /** Milliseconds since the epoch. */
  expiresAt: number
}

const sweepEveryMs = 250

/** Requests that wait for a stream, oldest first, bounded in number and in time. */
export function createPending({ maxPending }: Pick<ConnectionPolicy, 'maxPending'>) {
  let items: Pending[] = []
  let sweeper: NodeJS.Timeout | undefined

  function sweep(): void {
    const now = Date.now()
    const expired = items.filter(({ expiresAt }) => expiresAt <= now)
    if (expired.length > 0) items = items.filter(({ expiresAt }) => expiresAt > now)
    for (const { resolve } of expired) resolve({ kind: 'unsent', reason: 'deadline' })
    if (items.length === 0) stopSweeping()
  }

  // One timer for all: most requests wait for less than a tick, and a timer each would cost more than they do.
  function startSweeping(): void {
    sweeper ??= setInterval(sweep, sweepEveryMs)
  }

  function stopSweeping(): void {
    clearInterval(sweeper)
    sweeper = undefined
  }

  return {
    get size(): number {
      return items.length
    },
    add(item: Pending): void {
      if (items.length >= maxPending) return item.resolve({ kind: 'unsent', reason: 'overloaded' })
      items.push(item)
      startSweeping()
    },
    /** Returns to the front what was already on its way; it keeps its time limit. */
    putBack(item: Pending): void {
      items.unshift(item)
      startSweeping()
    },
    take(): Pending | undefined {
      return items.shift()
    },
    failAll(reason: 'unreachable' | 'closed'): void {
      const failed = items
      items = []
      for (const { resolve } of failed) resolve({ kind: 'unsent', reason })
    },
    [Symbol.dispose]: stopSweeping,
  }
}
