import { randomUUID as uuid } from 'node:crypto'
import { deliveriesOf } from '@parley/shared/delivery'
import { signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { bind, say, test } from './delivery-fixture.ts'

describe('who is still to be told', () => {
  test('A7.11 a badge is the same number as the total of unread: what a user deleted for themselves is in neither', async ({
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
    const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
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
    const due = async () => deliveriesOf(await rpc.call('deliveries/due', query))
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
    const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
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
    const told = deliveriesOf(first)[0]?.alerts.map(({ seq }) => seq) ?? []
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
    expect(deliveriesOf(second)[0]?.alerts.map(({ seq }) => seq)).toEqual(
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
    const asked = async (claim: string) => {
      const query = { conversationId, firstSeq: 1, lastSeq: 9, userIds: [bob.userId], claim } as never
      const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
      return [deliveries[0]?.again ?? false, deliveries[0]?.alerts.map((alert) => alert.audible)]
    }
    expect(await asked('one')).toEqual([false, [true]])
    expect(await asked('two')).toEqual([false, [false]])
    expect(await asked('one')).toEqual([true, [true]])
    await say(api, alice, bob)
    expect(await asked('two')).toEqual([false, [false, true]])
    expect(await asked('one')).toEqual([false, [false, false]])
    expect(await asked('two')).toEqual([true, [false, true]])
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
      const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
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

  const [hourAgo, inAnHour] = [-1, 1].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString())
  const wishes: [string, object, string[], number][] = [
    ['a mute silences what names nobody', { level: 'none' }, [], 0],
    ['a mute silences a mention of the user as well', { level: 'none' }, ['me'], 0],
    ['a mute with an end silences until then', { level: 'none', until: inAnHour }, [], 0],
    ['a mute whose end has passed silences nothing', { level: 'none', until: hourAgo }, [], 1],
    ['with mentions only, what names nobody is silent', { level: 'mentions' }, [], 0],
    ['with mentions only, what names another is silent', { level: 'mentions' }, ['other'], 0],
    ['with mentions only, what names the user is told', { level: 'mentions' }, ['me'], 1],
    ['with mentions only, what names everybody is told', { level: 'mentions' }, ['@all'], 1],
    ['a mute lets through what names everybody', { level: 'none' }, ['@all'], 1],
    ['a mute of that too silences it', { level: 'none', mentionAll: false }, ['@all'], 0],
  ]
  test.for(wishes)('P6 %s', async ([, wish, mentions, told], { api, rpc }) => {
    const [owner, me, other] = [await signUp(api), await signUp(api), await signUp(api)]
    await bind(api, me)
    const draft = { name: 'G', userIds: [me.userId, other.userId] }
    const { body } = await api.post('/v1/conversations', draft, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    const path = `/v1/conversations/${conversationId}/notifications`
    expect((await api.put(path, wish, me.token)).status).toBe(204)
    const named = mentions.map((name) => ({ me: me.userId, other: other.userId })[name] ?? name)
    const sent = await api.post(
      '/v1/messages',
      {
        clientMessageId: uuid(),
        to: { conversationId },
        type: 'text',
        content: { text: 'hi' },
        ...(named.length > 0 ? { mentions: named } : {}),
      },
      owner.token,
    )
    expect(sent.status).toBeLessThan(300)
    const query = { conversationId, firstSeq: 1, lastSeq: 99, userIds: [me.userId], claim: 'one' } as never
    const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
    expect(deliveries.flatMap(({ alerts }) => alerts)).toHaveLength(told)
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
    const deliveries = deliveriesOf(await rpc.call('deliveries/due', query))
    expect(deliveries[0]?.alerts).toMatchObject([{ title: '', body: 'New message', audible: false }])
  })
})
