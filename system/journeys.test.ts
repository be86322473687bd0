import { randomBytes, randomUUID } from 'node:crypto'
import type { SyncPage } from '@parley/shared/protocol'
import { logIn, signUp } from '@parley/testing/chat-api'
import { io } from 'socket.io-client'
import { describe, expect, vi } from 'vitest'
import { test } from './fixture.ts'

describe('two people on two gateways', () => {
  test('P2 one message sent a hundred times through both is one entry with one answer', async ({
    stack,
    api,
    friends: { ann, ben, annClient },
    connect,
  }) => {
    const tablet = await connect(await logIn(api, ann.userId, 'tablet'), stack.urls.gateways[1])
    const draft = {
      clientMessageId: randomUUID(),
      to: { userId: ben.userId },
      type: 'text',
      content: { text: 'once' },
    }
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? tablet : annClient).ask('message:send', draft)),
    )
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
    expect(replies[0]).toMatchObject({ ok: true, data: { seq: 1 } })
  })

  test('P1 a wiped Redis loses no message, and everybody hears again without connecting anew', async ({
    redis,
    friends: { ben, annClient, benClient },
  }) => {
    const before = benClient.socket.id
    for (let i = 0; i < 5; i++) {
      await redis.wipe()
      const { conversationId, seq } = await annClient.send({ userId: ben.userId }, 'text', {
        text: `after wipe ${i}`,
      })
      await vi.waitUntil(() => benClient.lastSeq(conversationId) >= seq)
    }
    expect(benClient.socket.id).toBe(before)
  })

  test('polling clients talk through the one origin, whatever gateway has their session', async ({
    stack,
    api,
    connect,
  }) => {
    const people = await Promise.all(Array.from({ length: 4 }, () => signUp(api)))
    const clients = await Promise.all(people.map((person) => connect(person, stack.urls.app, ['polling'])))
    const [first] = people
    for (const client of clients.slice(1)) {
      const { conversationId, seq } = await client.send({ userId: first?.userId ?? '' }, 'text', {
        text: 'by polling',
      })
      await vi.waitUntil(() => clients[0]?.lastSeq(conversationId) === seq)
    }
  })

  test('a group made while its members are connected is heard at once', async ({
    api,
    friends: { ann, ben, annClient, benClient },
  }) => {
    const { body } = await api.post('/v1/conversations', { name: 'Team', userIds: [ben.userId] }, ann.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await vi.waitUntil(
      () => benClient.lastSeq(conversationId) === 1 || annClient.lastSeq(conversationId) === 1,
    )
    await annClient.send({ conversationId }, 'text', { text: 'hello team' })
    await vi.waitUntil(() => benClient.lastSeq(conversationId) === 2)
  })

  test('P9 a logout closes the socket on whatever gateway it is, and the token opens nothing more', async ({
    api,
    friends: { ann, annClient },
  }) => {
    const closed = new Promise((resolve) => annClient.socket.once('session:closing', resolve))
    expect((await api.delete('/v1/sessions/current', ann.token)).status).toBe(204)
    expect(await closed).toMatchObject({ code: 4401 })
    expect((await api.get('/v1/sync', ann.token)).status).toBe(401)
  })
})

describe('somebody who is away', () => {
  test('A7.1 P6 is pushed each message once, with sender, text and badge, and has missed nothing on return', async ({
    stack,
    api,
    friends: { ann, ben, annClient, benClient },
    connect,
    pushesTo,
  }) => {
    const token = randomBytes(32).toString('hex')
    await api.put('/v1/devices/current/push', { kind: 'apns', token, environment: 'sandbox' }, ben.token)
    const own = randomBytes(32).toString('hex')
    await api.put('/v1/devices/current/push', { kind: 'apns', token: own }, ann.token)
    await benClient[Symbol.asyncDispose]()
    const sent = []
    for (let i = 1; i <= 3; i++)
      sent.push(await annClient.send({ userId: ben.userId }, 'text', { text: `message ${i}` }))
    await vi.waitUntil(async () => (await pushesTo(token)).length >= 3)
    const pushes = await pushesTo(token)
    expect(new Set(pushes.map(({ headers }) => headers['apns-id'])).size).toBe(3)
    // Each message is a job of its own, and one job may overtake another: the newest message's push knows of all three.
    const alert = (body: string, more = {}) =>
      expect.objectContaining({
        payload: expect.objectContaining({
          aps: expect.objectContaining({ alert: expect.objectContaining({ body }), ...more }),
        }),
      })
    expect(pushes).toEqual(
      expect.arrayContaining([alert('message 1'), alert('message 2'), alert('message 3', { badge: 3 })]),
    )
    const { conversationId } = sent[0] ?? { conversationId: '' }
    const returned = await connect(ben, stack.urls.app)
    await vi.waitUntil(() => returned.lastSeq(conversationId) === 3)
    expect(await pushesTo(own)).toEqual([])
    expect(await pushesTo(token)).toHaveLength(3)
  })

  test('P6 is pushed at Google too, once', async ({
    api,
    friends: { ben, annClient, benClient },
    pushesTo,
  }) => {
    const token = `fcm-${randomUUID()}`
    await api.put('/v1/devices/current/push', { kind: 'fcm', token }, ben.token)
    await benClient[Symbol.asyncDispose]()
    await annClient.send({ userId: ben.userId }, 'text', { text: 'to Android' })
    await vi.waitUntil(async () => (await pushesTo(token)).length === 1)
  })

  test('P6 a device that is connected but acknowledges nothing is pushed after a wait', async ({
    stack,
    api,
    friends: { annClient },
    pushesTo,
  }) => {
    const silent = await signUp(api, 'silent')
    const token = randomBytes(32).toString('hex')
    await api.put('/v1/devices/current/push', { kind: 'apns', token }, silent.token)
    const socket = io(stack.urls.gateways[1], { transports: ['websocket'], auth: { token: silent.token } })
    await new Promise((resolve) => socket.once('connect', () => resolve(undefined)))
    await annClient.send({ userId: silent.userId }, 'text', { text: 'are you there?' })
    await vi.waitUntil(async () => (await pushesTo(token)).length === 1)
    socket.disconnect()
  })
})

describe('reading', () => {
  test('A7.8 P5 a read mark reaches the peer and the own devices, and clears the unread', async ({
    stack,
    api,
    friends: { ben, annClient, benClient },
    connect,
  }) => {
    const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
    const { conversationId, seq } = await annClient.send({ userId: ben.userId }, 'text', { text: 'read me' })
    await vi.waitUntil(() => benClient.lastSeq(conversationId) === seq)
    expect(await benClient.ask('receipt:read', { conversationId, seq })).toEqual({ ok: true, data: { seq } })
    const told = (client: typeof tablet) =>
      client.events.some(
        ({ name, payload }) => name === 'receipt:moved' && (payload as { kind: string }).kind === 'read',
      )
    await vi.waitUntil(() => told(annClient) && told(tablet))
    const page = (await tablet.ask<SyncPage>('log:sync', {})) as { ok: true; data: SyncPage }
    expect(page.data.conversations.find((it) => it.conversationId === conversationId)?.unread).toBe(0)
  })

  test('A7.9 a message marked by itself is so on the own devices, and the peer hears only who has read', async ({
    stack,
    api,
    friends: { ben, annClient, benClient },
    connect,
  }) => {
    const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
    const [first, second] = [
      await annClient.send({ userId: ben.userId }, 'text', { text: 'one' }),
      await annClient.send({ userId: ben.userId }, 'text', { text: 'two' }),
    ]
    const { conversationId } = first
    const mark = ({ messageId }: typeof first, read: boolean) =>
      benClient.ask('message:mark', { conversationId, messageIds: [messageId], read })
    const readUpTo = ({ seq }: typeof first) => benClient.ask('receipt:read', { conversationId, seq })
    const heard = (client: typeof tablet) =>
      client.events.filter(({ name }) => name === 'message:marked').map(({ payload }) => payload)
    const news = ({ messageId }: typeof first, read: boolean) => ({
      conversationId,
      userId: ben.userId,
      messageIds: [messageId],
      read,
    })
    expect(await mark(second, true)).toEqual({ ok: true, data: {} })
    await vi.waitUntil(() => heard(annClient).length === 1 && heard(tablet).length === 1)
    await readUpTo(second)
    await mark(first, false)
    await readUpTo(first)
    await vi.waitUntil(() => heard(tablet).length === 3)
    expect(heard(tablet)).toEqual([news(second, true), news(first, false), news(first, true)])
    // What was told of it before is there once this is.
    const { seq } = await benClient.send({ conversationId }, 'text', { text: 'three' })
    await vi.waitUntil(() => annClient.lastSeq(conversationId) === seq)
    expect(heard(annClient)).toEqual([news(second, true)])
  })
})
