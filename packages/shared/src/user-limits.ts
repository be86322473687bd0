import { AppError } from './errors.ts'
import type { UserId } from './ids.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'

const remembered = 50_000

/** What users may ask for on this instance, each at a rate; those seen longest ago are forgotten first, with a full bucket. */
export function createUserLimits(rate: { perSecond: number; burst: number }) {
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

export type UserLimits = ReturnType<typeof createUserLimits>
