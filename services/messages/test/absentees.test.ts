import { randomUUID as uuid } from 'node:crypto'
import type { DueQuery } from '@parley/shared/delivery'
import { openQueue, startWorker } from '@parley/shared/jobs'
import { createPresenceLease } from '@parley/shared/presence'
import { chatPush } from '@parley/shared/queues'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import { describe, expect, vi } from 'vitest'
import { rebuild } from '../src/deliveries/rebuild.ts'
import { bind, say, test } from './delivery-fixture.ts'

/** People with a socket somewhere. */
async function connect(
  redisUrl: string,
  people: Person[],
  { foreground = true } = {},
): Promise<AsyncDisposable> {
  const redis = new Redis(redisUrl)
  const lease = createPresenceLease(redis, `test-${uuid()}`, () =>
    people.map(({ userId }) => [userId as never, { sockets: 1, foreground }]),
  )
  await lease.renew()
  return {
    async [Symbol.asyncDispose]() {
      await lease.release()
      redis.disconnect()
    },
  }
}

describe('offline deliveries', () => {
  test('P6 somebody with no live session becomes a job, and the sender does not', async ({ api, jobs }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId, seq } = await say(api, alice, bob)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId))
    expect(jobs.filter((job) => job.conversationId === conversationId)).toMatchObject([
      { firstSeq: seq, lastSeq: seq, userIds: [bob.userId] },
    ])
  })

  test('A6.9 P6 somebody connected who stays silent becomes a job after a wait, and one who acknowledges does not', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, silent, quick] = [await signUp(api), await signUp(api), await signUp(api)]
    await using _ = await connect(redisUrl, [silent, quick])
    const toQuick = await say(api, alice, quick)
    await api.put(`/v1/conversations/${toQuick.conversationId}/receipts/delivered`, { seq: 1 }, quick.token)
    const toSilent = await say(api, alice, silent)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === toSilent.conversationId))
    expect(jobs.some((job) => job.conversationId === toQuick.conversationId)).toBe(false)
  })

  test('P6 of a group, those who are away become jobs at once and those who stay silent after a wait', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const people = await Promise.all(Array.from({ length: 5 }, () => signUp(api)))
    const [owner, ...others] = people as [Person, ...Person[]]
    const silent = others.slice(0, 2)
    await using _ = await connect(redisUrl, silent)
    const draft = { name: 'G', userIds: others.map(({ userId }) => userId) }
    const { body } = await api.post('/v1/conversations', draft, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    const to = { conversationId }
    await api.post(
      '/v1/messages',
      { clientMessageId: uuid(), to, type: 'text', content: { text: 'hi' } },
      owner.token,
    )
    const told = () =>
      new Set(jobs.flatMap((job) => (job.conversationId === conversationId ? job.userIds : [])))
    await vi.waitUntil(() => others.every(({ userId }) => told().has(userId as never)))
    expect(told().has(owner.userId as never)).toBe(false)
  })

  test('P6 an app in the background is waited for a shorter time, because it may be frozen', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, front, behind] = [await signUp(api), await signUp(api), await signUp(api)]
    await using _inFront = await connect(redisUrl, [front])
    await using _behind = await connect(redisUrl, [behind], { foreground: false })
    const [toFront, toBehind] = [await say(api, alice, front), await say(api, alice, behind)]
    const order = () =>
      jobs.flatMap(({ conversationId }) =>
        [toFront.conversationId, toBehind.conversationId].includes(conversationId) ? [conversationId] : [],
      )
    await vi.waitUntil(() => order().length === 2)
    expect(order()).toEqual([toBehind.conversationId, toFront.conversationId])
  })

  test('P6 who is away is told of a contact request at once, like of a message', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, front, away] = [await signUp(api), await signUp(api), await signUp(api)]
    await using _ = await connect(redisUrl, [front])
    const both = [front.userId, away.userId]
    const told = () =>
      jobs.flatMap(({ userIds }) => both.filter((userId) => userIds.includes(userId as never)))
    await say(api, alice, front)
    await api.post('/v1/contacts/requests', { userId: away.userId, greeting: 'hi' }, alice.token)
    await vi.waitUntil(() => told().length === 2)
    expect(told()).toEqual([away.userId, front.userId])
  })

  test('P6 an app in the background that has taken the entry alerts by itself, and is not pushed', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, behind, later] = [await signUp(api), await signUp(api), await signUp(api)]
    await using _ = await connect(redisUrl, [behind, later], { foreground: false })
    const taken = await say(api, alice, behind)
    await api.put(`/v1/conversations/${taken.conversationId}/receipts/delivered`, { seq: 1 }, behind.token)
    const { conversationId } = await say(api, alice, later)
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId))
    expect(jobs.some((job) => job.conversationId === taken.conversationId)).toBe(false)
  })

  test('P6 what comes while a silence is waited out has a wait of its own', async ({
    api,
    jobs,
    redisUrl,
  }) => {
    const [alice, silent, away] = [await signUp(api), await signUp(api), await signUp(api)]
    await using _ = await connect(redisUrl, [silent])
    const { conversationId } = await say(api, alice, silent, 'one')
    const toAway = await say(api, alice, away)
    // Whoever is away has a job once the first look is over.
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === toAway.conversationId))
    await say(api, alice, silent, 'two')
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId && job.lastSeq === 2))
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
    await vi.waitUntil(() => jobs.some((job) => job.conversationId === conversationId))
    const before = jobs.length
    await service.ctx.pool.query(
      `update conversation set last_at = now() - interval '1 minute' where conversation_id = $1`,
      [conversationId],
    )
    const redis = new Redis(redisUrl)
    await redis.flushall()
    redis.disconnect()
    await vi.waitUntil(() => jobs.slice(before).some((job) => job.conversationId === conversationId))
  })
})

describe('what the watermarks say', () => {
  /** Makes deliveries into a queue of its own, where those of the running service do not come. */
  const looking = test.extend('look', async ({ service: { ctx }, redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const kind = { ...chatPush, queue: `test-${uuid()}` }
    const connection = opened.adopt(new Redis(redisUrl, { maxRetriesPerRequest: null }), (it) =>
      it.disconnect(),
    )
    const pushQueue = opened.use(openQueue(kind, ctx.redis, ctx.log))
    const made: Omit<DueQuery, 'claim'>[] = []
    opened.use(startWorker(kind, { connection, log: ctx.log }, async (data) => void made.push(data)))
    return {
      made,
      once: (options: Partial<Parameters<typeof rebuild>[1]> = {}) =>
        rebuild({ db: ctx.db, pushQueue }, { idleMs: 30_000, ...options }),
      foundIn: async (conversationId: string) =>
        vi.waitUntil(() => {
          const found = made.filter((job) => job.conversationId === conversationId)
          return found.length > 0 && found
        }),
    }
  })

  /** A group in which bob, who is away, wants to hear of mentions only. */
  async function startGroup(api: Api) {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { body } = await api.post('/v1/conversations', { name: 'G', userIds: [bob.userId] }, alice.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await api.put(`/v1/conversations/${conversationId}/notifications`, { level: 'mentions' }, bob.token)
    const write = async (more: object = {}) => {
      const to = { conversationId }
      const message = { clientMessageId: uuid(), to, type: 'text', content: { text: 'hi' }, ...more }
      return Number((await api.post('/v1/messages', message, alice.token)).body['seq'])
    }
    return { bob, conversationId, write }
  }

  const age = (pool: Pool, conversationId: string, upTo: number) =>
    pool.query(
      `update entry set sent_at = now() - interval '1 minute' where conversation_id = $1 and seq <= $2`,
      [conversationId, upTo],
    )

  looking(
    'P1 finds a mention whose job was lost in a group that never rests',
    async ({ api, look, service: { ctx } }) => {
      const { bob, conversationId, write } = await startGroup(api)
      const seq = await write({ mentions: [bob.userId] })
      await age(ctx.pool, conversationId, seq)
      await write()
      await look.once()
      const found = await look.foundIn(conversationId)
      expect(found).toMatchObject([{ lastSeq: seq, userIds: [bob.userId] }])
    },
  )

  looking(
    'P6 passes over what a member does not want to hear of, piece by piece, and finds what comes after it',
    async ({ api, look, service: { ctx } }) => {
      const { bob, conversationId, write } = await startGroup(api)
      for (let i = 0; i < 4; i++) await write()
      const seq = await write({ mentions: [bob.userId] })
      await age(ctx.pool, conversationId, seq)
      const notified = async () => {
        const { rows } = await ctx.pool.query<{ notifiedSeq: string }>(
          `select notified_seq as "notifiedSeq" from member where conversation_id = $1 and user_id = $2`,
          [conversationId, bob.userId],
        )
        return Number(rows[0]?.notifiedSeq)
      }
      const before = await notified()
      await look.once({ entriesEach: 2 })
      expect(await notified()).toBeGreaterThan(before)
      for (let i = 0; i < 3; i++) await look.once({ entriesEach: 2 })
      const found = await look.foundIn(conversationId)
      expect(found).toMatchObject([{ lastSeq: seq, userIds: [bob.userId] }])
      expect(await notified()).toBeLessThan(seq)
    },
  )

  looking('goes round by user, one page after the other', async ({ api, look }) => {
    const [alice, one, two] = [await signUp(api), await signUp(api, 'a'), await signUp(api, 'b')]
    await bind(api, one)
    await bind(api, two)
    const { conversationId: ofOne } = await say(api, alice, one)
    const { conversationId: ofTwo } = await say(api, alice, two)
    expect(await look.once({ idleMs: 0, after: one.userId, usersEach: 1 })).toBe(two.userId)
    expect(await look.foundIn(ofTwo)).toMatchObject([{ userIds: [two.userId] }])
    expect(await look.once({ idleMs: 0, after: two.userId })).toBe('')
    expect(look.made.filter(({ conversationId }) => conversationId === ofOne)).toEqual([])
  })
})
