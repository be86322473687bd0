import { claimGateway, forgetGateway, listGateways, listUsersOf } from '@parley/shared/presence'
import type { RedisClient } from '@parley/shared/redis'
import type { LastSeen } from './last-seen.ts'
import type { News } from './news.ts'

interface BurialOptions {
  redis: RedisClient
  leaseMs: number
  news: Pick<News, 'add'>
  lastSeen: Pick<LastSeen, 'add'>
  now?: () => number
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
export function createBurial({
  redis,
  leaseMs,
  news,
  lastSeen,
  now = () => performance.now(),
}: BurialOptions): () => Promise<void> {
  const patienceMs = leaseMs * 0.6
  let words = new Map<string, Word>()
  let lookedAt = now()

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
    const gateways = await listGateways(redis)
    const heardAt = now()
    // While Redis was away, or this process, nobody could be heard: silence counts from now on.
    const before = heardAt - lookedAt > patienceMs ? new Map<string, Word>() : words
    lookedAt = heardAt
    words = new Map(
      gateways.map(({ gatewayId, leaseEndsAt }) => {
        const known = before.get(gatewayId)
        return [gatewayId, known?.leaseEndsAt === leaseEndsAt ? known : { leaseEndsAt, heardAt }]
      }),
    )
    for (const [gatewayId, word] of words)
      if (word.leaseEndsAt < Date.now() && heardAt - word.heardAt > patienceMs)
        await bury(gatewayId, word.leaseEndsAt)
  }
}
