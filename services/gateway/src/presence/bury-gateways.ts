import { claimGateway, forgetGateway, listDeadGateways, listUsersOf } from '@parley/shared/presence'
import type { RedisClient } from '@parley/shared/redis'
import type { LastSeen } from './last-seen.ts'
import type { News } from './news.ts'

interface BurialOptions {
  redis: RedisClient
  leaseMs: number
  news: News
  lastSeen: LastSeen
}

/**
 * Speaks for gateways whose lease ended without a word: their users have gone, and were seen last when the lease was
 * renewed last. One of the others does it; should that one die on the way, another does it again, which harms nobody.
 */
export async function buryGateways({ redis, leaseMs, news, lastSeen }: BurialOptions): Promise<void> {
  for (const { gatewayId, leaseEndedAt } of await listDeadGateways(redis)) {
    if (!(await claimGateway(redis, gatewayId))) continue
    const lastWord = new Date(leaseEndedAt - leaseMs)
    for await (const userId of listUsersOf(redis, gatewayId)) {
      lastSeen.add(userId, lastWord)
      news.add(userId)
    }
    await forgetGateway(redis, gatewayId)
  }
}
