import { AppError } from '@parley/shared/errors'
import type { UserId } from '@parley/shared/ids'
import { createTokenBucket, type TokenBucket } from '@parley/shared/token-bucket'

const ordinary = { perSecond: 50, burst: 300 }
/** Looking for people, and changing what people look at: enough to type, too little to copy the directory. */
export const directoryRate = { perSecond: 1, burst: 30 }
/** Each change of a contact is an entry in one log or two. */
export const contactRate = { perSecond: 2, burst: 100 }
const remembered = 50_000

/** A user's HTTP requests on this instance; the users seen longest ago are forgotten first, with a full bucket. */
export function createRequestLimits(rate = ordinary) {
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
