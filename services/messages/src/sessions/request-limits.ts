import { AppError } from '@parley/shared/errors'
import type { UserId } from '@parley/shared/ids'
import { createTokenBucket, type TokenBucket } from '@parley/shared/token-bucket'

const rate = { perSecond: 50, burst: 300 }
const remembered = 50_000

/** A user's HTTP requests on this instance; the users seen longest ago are forgotten first, with a full bucket. */
export function createRequestLimits() {
  const buckets = new Map<UserId, TokenBucket>()
  return {
    /** Throws `rate_limited` if there were too many. */
    take(userId: UserId): void {
      const bucket = buckets.get(userId) ?? createTokenBucket(rate)
      buckets.delete(userId)
      buckets.set(userId, bucket)
      const oldest = buckets.keys().next()
      if (buckets.size > remembered && !oldest.done) buckets.delete(oldest.value)
      const waitMs = bucket.take()
      if (waitMs > 0) throw new AppError('rate_limited', 'too many requests', { retryAfterMs: waitMs })
    },
  }
}

export type RequestLimits = ReturnType<typeof createRequestLimits>
