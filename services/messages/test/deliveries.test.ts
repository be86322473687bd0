import { randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { startWorker } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { createPresenceLease } from '@parley/shared/presence'
import { chatPush, withdrawal } from '@parley/shared/queues'
import { gatewayOrders, roomChannel } from '@parley/shared/realtime'
import type { DueQuery } from '@parley/shared/rpc'
import { signUp, type Api, type Person } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { turnAttemptDays } from '../src/deliveries/attempt-days.ts'
import { test as base } from './fixture.ts'

const log = createLogger('test', { level: 'silent' })

/** With the push queue's jobs as they come, and what is said on Redis channels. */
const test = base
  .extend('jobs', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const connection = opened.adopt(new Redis(redisUrl, { maxRetriesPerRequest: null }), (client) =>
      client.disconnect(),
    )
    const jobs: Omit<DueQuery, 'claim'>[] = []
    opened.use(startWorker(chatPush, { connection, log }, async (data) => void jobs.push(data)))
    return jobs
  })
  .extend('withdrawn', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const connection = opened.adopt(new Redis(redisUrl, { maxRetriesPerRequest: null }), (client) =>
      client.disconnect(),
    )
    const jobs: { userIds: UserId[] }[] = []
    opened.use(startWorker(withdrawal, { connection, log }, async (data) => void jobs.push(data)))
    return jobs
  })
  .extend('listen', { scope: 'file' }, ({ redisUrl }, { onCleanup }) => {
    const client = new Redis(redisUrl)
    onCleanup(() => client.disconnect())
    return async (channel: string): Promise<string[]> => {
      const heard: string[] = []
      client.on('smessage', (from: string, text: string) => void (from === channel && heard.push(text)))
      await client.ssubscribe(channel)
      return heard
    }
  })

async function say(api: Api, from: Person, to: Person, body = 'hi') {
  const draft = { clientMessageId: uuid(), to: { userId: to.userId }, type: 'text', content: { text: body } }
  const { body: sent } = await api.post('/v1/messages', draft, from.token)
  return sent as unknown as { conversationId: string; seq: number; messageId: string }
}

const bind = (api: Api, who: Person, token: string = uuid()) =>
  api.put('/v1/devices/current/push', { kind: 'fcm', token }, who.token)

describe('after a commit', () => {
  test('the doorbell rings in the rooms of both people, as the text a client gets', async ({
    api,
    listen,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const heard = await listen(roomChannel(`u:${bob.userId}`))
    const echo = await listen(roomChannel(`u:${alice.userId}`))
    const sent = await say(api, alice, bob)
    await vi.waitUntil(() => heard.length > 0 && echo.length > 0)
    expect(heard[0]?.startsWith('42')).toBe(true)
    const [event, payload] = JSON.parse(heard[0]?.slice(2) ?? '[]')
    expect(event).toBe('entry:new')
    expect(payload).toMatchObject({
      entry: { messageId: sent.messageId, seq: 1, senderId: alice.userId },
      summary: { kind: 'direct', lastSeq: 1 },
    })
    expect(echo).toEqual(heard)
  })

  test('an announcement that a crash left undone is made up for', async ({ api, service, listen }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, bob)
    const heard = await listen(roomChannel(`u:${bob.userId}`))
    // What a commit leaves behind when the process ends right after it.
    await service.ctx.pool.query(
      `insert into dispatch (conversation_ids, first_seqs, last_seqs, claimed_at) values (array[$1], array[1], array[1], now() - interval '1 minute')`,
      [conversationId],
    )
    await vi.waitUntil(() => heard.length > 0, { timeout: 10_000 })
    await vi.waitUntil(
      async () => (await service.ctx.pool.query('select 1 from dispatch')).rows.length === 0,
      { timeout: 10_000 },
    )
  })

  test('a notice rings at new members themselves, whose sockets may not be in the room yet', async ({
    api,
    listen,
  }) => {
    const [owner, bob, cas] = [await signUp(api), await signUp(api), await signUp(api)]
    const [atBob, atCas] = [
      await listen(roomChannel(`u:${bob.userId}`)),
      await listen(roomChannel(`u:${cas.userId}`)),
    ]
    const { body } = await api.post('/v1/conversations', { name: 'Team', userIds: [bob.userId] }, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await vi.waitUntil(() => atBob.some((text) => text.includes('group.created')))
    await api.post(`/v1/conversations/${conversationId}/members`, { userIds: [cas.userId] }, owner.token)
    await vi.waitUntil(() => atCas.some((text) => text.includes('group.members-added')))
  })

  test('new members are let into the room by an order to all gateways', async ({ api, listen }) => {
    const [owner, bob] = [await signUp(api), await signUp(api)]
    const orders = await listen(gatewayOrders)
    const { body } = await api.post('/v1/conversations', { name: 'Team', userIds: [bob.userId] }, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await vi.waitUntil(() => orders.some((text) => text.includes(conversationId)))
    expect(orders.map((text) => JSON.parse(text))).toContainEqual({
      kind: 'join',
      userIds: [owner.userId, bob.userId],
      conversationId,
    })
  })
})

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
    const users = new Map([silent, quick].map(({ userId }) => [userId as never, 1]))
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
    const lease = createPresenceLease(redis, `test-${uuid()}`, () => [[silent.userId as never, 1]])
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

  test('a badge is the same number as the total of unread: what a user deleted for themselves is in neither', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId, messageId } = await say(api, alice, bob, 'one')
    await say(api, alice, bob, 'two')
    const hidden = { messageIds: [messageId] }
    await api.post(`/v1/conversations/${conversationId}/hidden`, hidden, bob.token)
    const query = { conversationId, firstSeq: 1, lastSeq: 2, userIds: [bob.userId] } as never
    const { deliveries } = await rpc.call('deliveries/due', query)
    expect((await api.get('/v1/unread', bob.token)).body['total']).toBe(1)
    expect(deliveries).toMatchObject([{ badge: 1 }])
  })

  test('P6 who is due is decided when asked: not the reader, not the told, not the sender', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api, 'alice', { displayName: 'Alice' }), await signUp(api)]
    await bind(api, alice)
    await bind(api, bob, 'token-of-bob')
    const { conversationId } = await say(api, alice, bob, 'one')
    await say(api, alice, bob, 'two')
    const query = { conversationId, firstSeq: 1, lastSeq: 2, userIds: [alice.userId, bob.userId] } as never
    const due = async () => (await rpc.call('deliveries/due', query)).deliveries
    expect(await due()).toMatchObject([
      {
        userId: bob.userId,
        token: { kind: 'fcm', value: 'token-of-bob' },
        badge: 2,
        alerts: [
          { seq: 1, title: 'Alice', body: 'one' },
          { seq: 2, title: 'Alice', body: 'two' },
        ],
      },
    ])
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    expect((await due())[0]).toMatchObject({ badge: 1, alerts: [{ seq: 2 }] })
    const outcome = {
      userId: bob.userId,
      deviceId: 'phone',
      kind: 'fcm',
      seq: 2,
      result: 'accepted',
    } as never
    await rpc.call('deliveries/report', {
      conversationId: conversationId as never,
      asOf: '0',
      outcomes: [outcome],
    })
    expect(await due()).toEqual([])
  })

  test('P6 an earlier entry that was not told yet comes along with a later one', async ({ api, rpc }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob, 'one')
    await say(api, alice, bob, 'two')
    const query = { conversationId, firstSeq: 2, lastSeq: 2, userIds: [bob.userId] } as never
    const { deliveries } = await rpc.call('deliveries/due', query)
    expect(deliveries[0]?.alerts.map(({ seq }) => seq)).toEqual([1, 2])
  })

  test('an outcome that is still open keeps its entries due', async ({ api, rpc }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const report = (result: string) =>
      rpc.call('deliveries/report', {
        conversationId: conversationId as never,
        asOf: '0',
        outcomes: [
          { userId: bob.userId, deviceId: 'phone', kind: 'fcm', seq: 1, result },
          { userId: bob.userId, deviceId: 'tablet', kind: 'fcm', seq: 1, result: 'accepted' },
        ] as never,
      })
    const due = async () =>
      (
        await rpc.call('deliveries/due', {
          conversationId,
          firstSeq: 1,
          lastSeq: 1,
          userIds: [bob.userId],
        } as never)
      ).deliveries
    await report('retry')
    expect(await due()).toHaveLength(1)
    await report('refused')
    expect(await due()).toHaveLength(0)
  })

  test('a dead token is forgotten, but not one that was bound again since', async ({ api, rpc, service }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob, 'dying-token')
    const { conversationId } = await say(api, alice, bob)
    const report = (since: string) =>
      rpc.call('deliveries/report', {
        conversationId: conversationId as never,
        asOf: '0',
        outcomes: [
          {
            userId: bob.userId,
            deviceId: 'phone',
            kind: 'fcm',
            seq: 1,
            result: 'dropped-token',
            deadToken: { value: 'dying-token', since },
          },
        ] as never,
      })
    const tokens = async () =>
      (await service.ctx.pool.query('select 1 from push_token where user_id = $1', [bob.userId])).rows.length
    await report(new Date(Date.now() - 60_000).toISOString())
    expect(await tokens()).toBe(1)
    await report(new Date(Date.now() + 60_000).toISOString())
    expect(await tokens()).toBe(0)
  })

  test('P6 of many untold entries the oldest are told first, and none is passed over', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    let conversationId = ''
    for (let i = 0; i < 60; i++) ({ conversationId } = await say(api, alice, bob, `${i}`))
    const ask = (claim: string) =>
      rpc.call('deliveries/due', {
        conversationId: conversationId as never,
        firstSeq: 60,
        lastSeq: 60,
        userIds: [bob.userId as never],
        claim,
      })
    const first = await ask('one')
    const told = first.deliveries[0]?.alerts.map(({ seq }) => seq) ?? []
    expect(told).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(first.more).toEqual([bob.userId])
    const outcomes = told.map((seq) => ({
      userId: bob.userId,
      deviceId: 'phone',
      kind: 'fcm',
      seq,
      result: 'accepted',
    })) as never
    await rpc.call('deliveries/report', {
      conversationId: conversationId as never,
      asOf: first.asOf,
      outcomes,
    })
    const second = await ask('one')
    expect(second.deliveries[0]?.alerts.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 10 }, (_, i) => i + 51),
    )
    expect(second.more).toEqual([])
  })

  test('P6 the right to sound goes to one job, which keeps it, and a wiped Redis does not give it away again', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const audible = async (claim: string) => {
      const query = { conversationId, firstSeq: 1, lastSeq: 9, userIds: [bob.userId], claim } as never
      const { deliveries } = await rpc.call('deliveries/due', query)
      return deliveries[0]?.alerts.map((alert) => alert.audible)
    }
    expect(await audible('one')).toEqual([true])
    expect(await audible('two')).toEqual([false])
    expect(await audible('one')).toEqual([true])
    await say(api, alice, bob)
    expect(await audible('two')).toEqual([false, true])
    expect(await audible('one')).toEqual([false, false])
  })

  test('P6 what a member wants to hear of a conversation decides what is told, and what was silenced is not told later', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob, 'before')
    const path = `/v1/conversations/${conversationId}/notifications`
    const told = async () => {
      const query = {
        conversationId,
        firstSeq: 1,
        lastSeq: 99,
        userIds: [bob.userId],
        claim: uuid(),
      } as never
      const { deliveries } = await rpc.call('deliveries/due', query)
      return deliveries[0]?.alerts.map(({ seq }) => seq) ?? []
    }
    const mention = {
      clientMessageId: uuid(),
      to: { conversationId },
      type: 'text',
      content: { text: '@bob' },
      mentions: [bob.userId],
    }
    expect((await api.put(path, { level: 'mentions' }, bob.token)).status).toBe(204)
    expect(await told()).toEqual([])
    await api.post('/v1/messages', mention, alice.token)
    expect(await told()).toEqual([2])
    await api.put(path, { level: 'none' }, bob.token)
    expect(await told()).toEqual([])
    await api.put(path, { level: 'all' }, bob.token)
    expect(await told()).toEqual([])
    await say(api, alice, bob, 'after')
    expect(await told()).toEqual([3])
    expect((await api.put(path, { level: 'loud' }, bob.token)).status).toBe(400)
    expect((await api.put(path, { level: 'none' }, (await signUp(api)).token)).status).toBe(403)
  })

  test('P6 in quiet hours an alert has no sound, and a hidden preview says neither who nor what', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const quietHours = { from: '00:00', until: '23:59', timeZone: 'Europe/Berlin' }
    expect((await api.put('/v1/notifications', { quietHours, preview: 'none' }, bob.token)).status).toBe(204)
    const nowhere = { quietHours: { ...quietHours, timeZone: 'Europe/Nowhere' } }
    expect((await api.put('/v1/notifications', nowhere, bob.token)).status).toBe(400)
    const { conversationId } = await say(api, alice, bob, 'secret')
    const query = { conversationId, firstSeq: 1, lastSeq: 1, userIds: [bob.userId], claim: 'one' } as never
    const { deliveries } = await rpc.call('deliveries/due', query)
    expect(deliveries[0]?.alerts).toMatchObject([{ title: '', body: 'New message', audible: false }])
  })

  test('P6 an alert that was read on another device is taken back, also if it arrived after the reading', async ({
    api,
    rpc,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const query = { conversationId, firstSeq: 1, lastSeq: 1, userIds: [bob.userId], claim: 'one' } as never
    const { asOf } = await rpc.call('deliveries/due', query)
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    const outcomes = [
      {
        userId: bob.userId,
        deviceId: 'phone',
        kind: 'fcm',
        seq: 1,
        result: 'accepted',
        attempt: { audible: true, badge: 1 },
      },
    ] as never
    await rpc.call('deliveries/report', { conversationId: conversationId as never, asOf, outcomes })
    await vi.waitUntil(() => withdrawn.some(({ userIds }) => userIds.includes(bob.userId as never)), {
      timeout: 10_000,
    })
    const due = async () =>
      (await rpc.call('withdrawals/due', { userIds: [bob.userId as never] })).withdrawals
    const read = [{ conversationId, seq: 1 }]
    expect(await due()).toMatchObject([{ deviceId: 'phone', badge: 0, read }])
    await rpc.call('withdrawals/report', {
      outcomes: [
        { userId: bob.userId, deviceId: 'phone', kind: 'fcm', read, badge: 0, result: 'accepted' },
      ] as never,
    })
    expect(await due()).toEqual([])
  })

  test('P12 push attempts are kept for two weeks, in a partition for each day', async ({ service }) => {
    const days = async () =>
      (
        await service.ctx.pool.query<{ name: string }>(
          `select relname as name from pg_class where relkind = 'r' and relname ~ '^push_attempt_[0-9]+$' order by 1`,
        )
      ).rows.map(({ name }) => name)
    await turnAttemptDays(service.ctx.db, new Date('2030-01-01T12:00:00Z'))
    const ahead = ['push_attempt_20300102', 'push_attempt_20300103', 'push_attempt_20300104']
    expect(await days()).toEqual(ahead)
    await service.ctx.pool.query(
      `insert into push_attempt select '2030-01-03T10:00:00Z', 'c', 1, 'u', 'd', 'apns', 'accepted', null, null, true`,
    )
    const there = await service.ctx.pool.query('select 1 from push_attempt_20300103')
    expect(there.rows).toHaveLength(1)
    await turnAttemptDays(service.ctx.db, new Date('2030-01-17T12:00:00Z'))
    expect(await days()).toEqual([
      'push_attempt_20300103',
      'push_attempt_20300104',
      'push_attempt_20300118',
      'push_attempt_20300119',
      'push_attempt_20300120',
    ])
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
