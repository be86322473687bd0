import { randomUUID as uuid } from 'node:crypto'
import { createPresenceLease } from '@parley/shared/presence'
import { signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { bind, say, test } from './delivery-fixture.ts'

const connected = { sockets: 1, foreground: true }

describe('offline deliveries', () => {
  test('P6 somebody with no live session becomes a job, and the sender does not', async ({ api, jobs }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId, seq } = await say(api, alice, bob)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId), { timeout: 10_000 })
    expect(jobs.filter((job) => job.conversationId === conversationId)).toMatchObject([
      { firstSeq: seq, lastSeq: seq, userIds: [bob.userId] },
    ])
  })

  test('P6 somebody connected who stays silent becomes a job after a wait, and one who acknowledges does not', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, silent, quick] = [await signUp(api), await signUp(api), await signUp(api)]
    const redis = new Redis(redisUrl)
    const users = new Map([silent, quick].map(({ userId }) => [userId as never, connected]))
    const lease = createPresenceLease(redis, `test-${uuid()}`, () => users)
    await lease.renew()
    const toQuick = await say(api, alice, quick)
    await api.put(`/v1/conversations/${toQuick.conversationId}/receipts/delivered`, { seq: 1 }, quick.token)
    const toSilent = await say(api, alice, silent)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === toSilent.conversationId), {
      timeout: 10_000,
    })
    expect(jobs.some((job) => job.conversationId === toQuick.conversationId)).toBe(false)
    await lease.release()
    redis.disconnect()
  })

  test('P6 what comes while a silence is waited out has a wait of its own', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, silent, away] = [await signUp(api), await signUp(api), await signUp(api)]
    const redis = new Redis(redisUrl)
    const lease = createPresenceLease(redis, `test-${uuid()}`, () => [[silent.userId as never, connected]])
    await lease.renew()
    const { conversationId } = await say(api, alice, silent, 'one')
    const toAway = await say(api, alice, away)
    // Whoever is away has a job once the first look is over.
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === toAway.conversationId), {
      timeout: 10_000,
    })
    await say(api, alice, silent, 'two')
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId && job.lastSeq === 2), {
      timeout: 10_000,
    })
    await lease.release()
    redis.disconnect()
  })

  test('P1 a Redis that has lost everything gets the work back from the watermarks', async ({
    api,
    jobs,
    service,
    redisUrl,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId), { timeout: 10_000 })
    const before = jobs.length
    await service.ctx.pool.query(
      `update conversation set last_at = now() - interval '1 minute' where conversation_id = $1`,
      [conversationId],
    )
    const redis = new Redis(redisUrl)
    await redis.flushall()
    redis.disconnect()
    await vi.waitUntil(() => jobs.slice(before).some((job) => job.conversationId === conversationId), {
      timeout: 15_000,
    })
  })
})
