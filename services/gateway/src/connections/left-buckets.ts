import type { UserId } from '@parley/shared/ids'
import type { Config } from '../config.ts'
import type { Buckets } from './user-rates.ts'

const maxKept = 50_000

/**
 * What users who have left drew on, until all of it would be full again: who connects anew goes on with it, and gains
 * nothing by that.
 */
export function createLeftBuckets(
  { sends, requests, typing }: Config['limits'],
  now: () => number = () => performance.now(),
) {
  const fullAfterMs =
    1_000 * Math.max(...[sends, requests, typing].map((rate) => rate.burst / rate.perSecond))
  // In the order they left, so the first is full first.
  const left = new Map<UserId, { buckets: Buckets; at: number }>()

  function forgetFull(): void {
    for (const [userId, { at }] of left) {
      if (left.size <= maxKept && at + fullAfterMs > now()) return
      left.delete(userId)
    }
  }

  return {
    keep(userId: UserId, buckets: Buckets): void {
      forgetFull()
      if (Object.keys(buckets).length > 0) left.set(userId, { buckets, at: now() })
    },
    takeBack(userId: UserId): Buckets {
      const buckets = left.get(userId)?.buckets ?? {}
      left.delete(userId)
      return buckets
    },
  }
}
