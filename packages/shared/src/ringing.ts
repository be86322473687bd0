import { z } from 'zod'
import type { UserId } from './ids.ts'
import type { RedisClient } from './redis.ts'

const keyOf = (callId: string) => `parley:call:{${callId}}:ringing`

/**
 * For whom a call rings at this moment: a set in Redis that ends by itself when the call rings out, whatever
 * became of the gateway that started it. A wiped Redis rings nobody.
 */
export async function startRinging(
  redis: RedisClient,
  { callId, ringUntil }: { callId: string; ringUntil: string },
  userIds: UserId[],
): Promise<void> {
  const key = keyOf(callId)
  await redis
    .multi()
    .sadd(key, ...userIds)
    .pexpireat(key, Date.parse(ringUntil))
    .exec()
}

/** Answered, declined, cancelled: it rings for them no more. */
export async function stopRinging(redis: RedisClient, callId: string, userIds: UserId[]): Promise<void> {
  await redis.srem(keyOf(callId), ...userIds)
}

/** Those of the users for whom it still rings. */
export async function listRung(redis: RedisClient, callId: string, userIds: UserId[]): Promise<UserId[]> {
  const found = z.array(z.number()).parse(await redis.smismember(keyOf(callId), ...userIds))
  return userIds.filter((_, i) => found[i] === 1)
}
