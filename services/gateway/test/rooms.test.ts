import { randomUUID as uuid } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import type { ConversationId, SessionId, UserId } from '@parley/shared/ids'
import {
  conversationRoom,
  encodeEvent,
  type GatewayOrder,
  gatewayOrders,
  userRoom,
} from '@parley/shared/realtime'
import { Redis } from 'ioredis'
import { expect, vi } from 'vitest'
import { startRoomRenewal } from '../src/connections/renew-rooms.ts'
import { closeCodeOf, connectClient, test as base, type TestClient } from './fixture.ts'

const stale = (withinMs: number) => encodeEvent('log:stale', { withinMs })

/** What is said until gateways listen again is lost. */
async function loseSubscriptions(redisUrl: string): Promise<void> {
  const direct = new Redis(redisUrl)
  await direct.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  direct.disconnect()
}

const test = base
  .extend('a', { scope: 'file' }, async ({ start }, { onCleanup }) => {
    const node = await start('rooms')
    onCleanup(() => node[Symbol.asyncDispose]())
    await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
    return node
  })
  .extend('groupId', () => `g-${uuid()}` as ConversationId)
  .extend('userId', () => `user-${uuid()}` as UserId)
  /** Holds back what messages says of sessions until it is let go. */
  .extend('holdSessions', async ({ messages }, { onCleanup }) => {
    const stock = messages.handlers['sessions/open'] ?? expect.fail('no handler')
    onCleanup(() => {
      messages.handlers['sessions/open'] = stock
    })
    return () => {
      const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      messages.handlers['sessions/open'] = async (request) => {
        const answer = stock(request)
        asked.resolve()
        await gate.promise
        return answer
      }
      return { asked: asked.promise, letGo: gate.resolve }
    }
  })
  /** Has messages refuse to say anything of sessions, so many times. */
  .extend('refuseSessions', ({ messages }, { onCleanup }) => {
    const stock = messages.handlers['sessions/open'] ?? expect.fail('no handler')
    onCleanup(() => {
      messages.handlers['sessions/open'] = stock
    })
    return (times: number) => {
      messages.handlers['sessions/open'] = (request) => {
        if (times-- > 0) throw new AppError('unavailable', 'restarting')
        return stock(request)
      }
    }
  })
  /** Gives an order and waits until it has been followed: orders and doorbells come by one connection, in order. */
  .extend('order', async ({ a, issuer, announcer }, { onCleanup }) => {
    const witness = await connectClient(a.url, issuer)
    onCleanup(() => witness[Symbol.asyncDispose]())
    return async (order: GatewayOrder) => {
      const followed = new Promise((resolve) => witness.socket.once('log:stale', resolve))
      await announcer.order(order)
      await announcer.ring([{ room: userRoom(witness.userId), text: stale(1) }])
      await followed
    }
  })
  /** What a client hears in a room, told from silence by what it hears of its own after it. */
  .extend('hears', ({ announcer }) => async (client: TestClient, conversationId: ConversationId) => {
    const heard: number[] = []
    client.socket.on('log:stale', ({ withinMs }: { withinMs: number }) => heard.push(withinMs))
    await announcer.ring([{ room: conversationRoom(conversationId), text: stale(1) }])
    await announcer.ring([{ room: userRoom(client.userId), text: stale(2) }])
    await vi.waitUntil(() => heard.includes(2))
    client.socket.off('log:stale')
    return heard.includes(1)
  })

test('P4 what was said before a gateway heard a group that its people just joined is told of', async ({
  a,
  issuer,
  messages,
  announcer,
  groupId,
}) => {
  await using phone = await connectClient(a.url, issuer)
  messages.logs.set(groupId, { lastSeq: 7, userIds: [phone.userId] })
  const grown = new Promise((resolve) => phone.socket.once('log:grown', resolve))
  await announcer.order({ kind: 'join', userIds: [phone.userId], conversationId: groupId, lastSeq: 5 })
  expect(await grown).toEqual({ conversationId: groupId, lastSeq: 7 })
})

test('P4 a group joined during a handshake is heard', async ({
  a,
  issuer,
  messages,
  order,
  holdSessions,
  hears,
  groupId,
  userId,
}) => {
  const { asked, letGo } = holdSessions()
  const coming = connectClient(a.url, issuer, { userId })
  await asked
  messages.logs.set(groupId, { lastSeq: 1, userIds: [userId] })
  await order({ kind: 'join', userIds: [userId], conversationId: groupId, lastSeq: 1 })
  letGo()
  await using phone = await coming
  await vi.waitUntil(() => hears(phone, groupId))
})

test('P9 a group left or closed during a handshake is not heard', async ({
  a,
  issuer,
  messages,
  order,
  holdSessions,
  hears,
  groupId,
  userId,
}) => {
  const closedId = `g-${uuid()}` as ConversationId
  messages.groups.set(userId, [groupId, closedId])
  const { asked, letGo } = holdSessions()
  const coming = connectClient(a.url, issuer, { userId })
  await asked
  await order({ kind: 'leave', userIds: [userId], conversationId: groupId })
  await order({ kind: 'close-room', conversationId: closedId })
  letGo()
  await using phone = await coming
  expect([await hears(phone, groupId), await hears(phone, closedId)]).toEqual([false, false])
})

test('P9 a group left while a poll is let in does not wake it', async ({
  a,
  issuer,
  messages,
  order,
  holdSessions,
  groupId,
  userId,
}) => {
  messages.groups.set(userId, [groupId])
  messages.handlers['events/ask'] = () => ({ conversations: [], ended: [], cursor: '0', complete: true })
  const { asked, letGo } = holdSessions()
  const headers = { authorization: `Bearer ${await issuer.sign({ userId })}` }
  const polled = fetch(`${a.url}/v1/sync?wait=1`, { headers })
  await asked
  await order({ kind: 'leave', userIds: [userId], conversationId: groupId })
  letGo()
  const { rooms } = a.io.of('/').adapter
  await vi.waitUntil(() => rooms.has(userRoom(userId)))
  expect(rooms.has(conversationRoom(groupId))).toBe(false)
  expect((await polled).status).toBe(200)
})

test('P9 of orders that changed places, what messages says holds', async ({
  a,
  issuer,
  messages,
  announcer,
  hears,
  groupId,
}) => {
  await using phone = await connectClient(a.url, issuer)
  const [userIds, conversationId] = [[phone.userId], groupId]
  messages.logs.set(groupId, { lastSeq: 3, userIds })
  await announcer.order({ kind: 'join', userIds, conversationId, lastSeq: 3 })
  await announcer.order({ kind: 'leave', userIds, conversationId })
  await vi.waitUntil(() => hears(phone, groupId))
  messages.logs.set(groupId, { lastSeq: 5, userIds: [] })
  await announcer.order({ kind: 'leave', userIds, conversationId })
  await announcer.order({ kind: 'join', userIds, conversationId, lastSeq: 4 })
  await vi.waitUntil(async () => !(await hears(phone, groupId)))
})

test('P9 of orders that changed places during a handshake, what messages says holds', async ({
  a,
  issuer,
  messages,
  order,
  holdSessions,
  hears,
  groupId,
  userId,
}) => {
  messages.groups.set(userId, [groupId])
  messages.logs.set(groupId, { lastSeq: 4, userIds: [] })
  const { asked, letGo } = holdSessions()
  const coming = connectClient(a.url, issuer, { userId })
  await asked
  await order({ kind: 'leave', userIds: [userId], conversationId: groupId })
  await order({ kind: 'join', userIds: [userId], conversationId: groupId, lastSeq: 3 })
  letGo()
  await using phone = await coming
  await vi.waitUntil(async () => !(await hears(phone, groupId)))
})

test('P9 when orders may have been lost, sockets are put into the rooms of their groups and out of others', async ({
  a,
  issuer,
  messages,
  hears,
  groupId,
  userId,
}) => {
  const joinedId = `g-${uuid()}` as ConversationId
  messages.groups.set(userId, [groupId])
  await using gone = await connectClient(a.url, issuer)
  await using phone = await connectClient(a.url, issuer, { userId })
  expect(await hears(phone, groupId)).toBe(true)
  // No reason to leave the others alone.
  messages.ended.add(gone.sessionId)
  messages.groups.set(userId, [joinedId])
  const closeEnded = vi.fn<(sessionIds: SessionId[]) => Promise<void>>(() => Promise.resolve())
  await using renewal = startRoomRenewal({ ...a.ctx, closeEnded })
  renewal.all()
  await vi.waitUntil(() => hears(phone, joinedId))
  expect(closeEnded).toHaveBeenCalledWith([gone.sessionId])
  expect(await hears(phone, groupId)).toBe(false)
})

test('P9 a session that was found ended when messages went away is closed as soon as messages is back', async ({
  a,
  issuer,
  messages,
}) => {
  await using gone = await connectClient(a.url, issuer)
  messages.ended.add(gone.sessionId)
  const closed = Promise.withResolvers<SessionId[]>()
  const closeEnded = vi
    .fn<(sessionIds: SessionId[]) => Promise<void>>(async (sessionIds) => closed.resolve(sessionIds))
    .mockRejectedValueOnce(new AppError('unavailable', 'restarting'))
  await using renewal = startRoomRenewal({ ...a.ctx, closeEnded })
  renewal.all()
  expect(await closed.promise).toEqual([gone.sessionId])
  expect(closeEnded).toHaveBeenCalledTimes(2)
})

test('P9 a group whose order to leave was lost is not heard any more, also where messages was away when Redis was back', async ({
  start,
  issuer,
  messages,
  refuseSessions,
  ownRedis,
  groupId,
  userId,
}) => {
  await using node = await start('forgotten', { REDIS_URL: ownRedis.url })
  await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
  messages.groups.set(userId, [groupId])
  await using phone = await connectClient(node.url, issuer, { userId })
  const { rooms } = node.io.of('/').adapter
  expect(rooms.has(conversationRoom(groupId))).toBe(true)
  messages.groups.set(userId, [])
  // More often than one who asks is patient.
  refuseSessions(6)
  await loseSubscriptions(ownRedis.url)
  await vi.waitUntil(() => !rooms.has(conversationRoom(groupId)))
  expect(phone.socket.connected).toBe(true)
})

test('P9 a group whose order to leave was lost while its user came in is not heard', async ({
  start,
  issuer,
  messages,
  holdSessions,
  ownRedis,
  groupId,
  userId,
}) => {
  await using node = await start('fooled', { REDIS_URL: ownRedis.url })
  await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
  messages.groups.set(userId, [groupId])
  const { asked, letGo } = holdSessions()
  const coming = connectClient(node.url, issuer, { userId })
  await asked
  messages.groups.set(userId, [])
  const healed = new Promise<void>((resolve) =>
    node.ctx.subscriber.on('healed', (channels) => channels.has(gatewayOrders) && resolve()),
  )
  await loseSubscriptions(ownRedis.url)
  await healed
  letGo()
  await using phone = await coming
  const { rooms } = node.io.of('/').adapter
  await vi.waitUntil(() => !rooms.has(conversationRoom(groupId)))
  expect(phone.socket.connected).toBe(true)
})

test('P9 a session whose end was lost while its user came in does not stay', async ({
  start,
  issuer,
  messages,
  holdSessions,
  ownRedis,
  userId,
}) => {
  await using node = await start('overtaken', { REDIS_URL: ownRedis.url })
  await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
  const sessionId = uuid() as SessionId
  const { asked, letGo } = holdSessions()
  const coming = connectClient(node.url, issuer, { userId, sessionId })
  await asked
  messages.ended.add(sessionId)
  const healed = new Promise<void>((resolve) =>
    node.ctx.subscriber.on('healed', (channels) => channels.has(gatewayOrders) && resolve()),
  )
  await loseSubscriptions(ownRedis.url)
  await healed
  letGo()
  await using phone = await coming
  const closed = closeCodeOf(phone)
  // Sooner than by the round that asks about all sessions.
  await vi.waitUntil(() => !phone.socket.connected)
  expect(await closed).toBe(4401)
})
