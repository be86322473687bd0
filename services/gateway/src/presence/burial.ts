import { claimGateway, forgetGateway, listGateways, listUsersOf } from '@parley/shared/presence'
import type { RedisClient } from '@parley/shared/redis'
import type { LastSeen } from './last-seen.ts'
import type { News } from './news.ts'

interface BurialOptions {
  redis: RedisClient
  leaseMs: number
  news: News
  lastSeen: LastSeen
}

interface Word {
  leaseEndsAt: number
  /** When it was heard first, by this process's clock. */
  heardAt: number
}

/**
 * Speaks for gateways whose lease ended without a word: their users have gone, and were seen last when the lease was
 * renewed last. One of the others does it; should that one die on the way, another does it again, which harms nobody.
 * To be called several times in a lease: clocks differ, and who still renews is alive, whenever that lease may end.
 */
export function createBurial({ redis, leaseMs, news, lastSeen }: BurialOptions): () => Promise<void> {
  let words = new Map<string, Word>()

  async function bury(gatewayId: string, leaseEndedAt: number): Promise<void> {
    if (!(await claimGateway(redis, gatewayId))) return
    const lastWord = new Date(leaseEndedAt - leaseMs)
    for await (const userId of listUsersOf(redis, gatewayId)) {
      lastSeen.add(userId, lastWord)
      news.add(userId)
    }
    await forgetGateway(redis, gatewayId)
  }

  return async () => {
    const now = performance.now()
    const before = words
    words = new Map(
      (await listGateways(redis)).map(({ gatewayId, leaseEndsAt }) => {
        const known = before.get(gatewayId)
        return [gatewayId, known?.leaseEndsAt === leaseEndsAt ? known : { leaseEndsAt, heardAt: now }]
      }),
    )
    for (const [gatewayId, { leaseEndsAt, heardAt }] of words)
      if (leaseEndsAt < Date.now() && now - heardAt > leaseMs * 0.6) await bury(gatewayId, leaseEndsAt)
  }
}
