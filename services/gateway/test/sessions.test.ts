import { randomUUID as uuid } from 'node:crypto'
import type { DeviceId, SessionId } from '@parley/shared/ids'
import { encodeEvent, type GatewayOrder, gatewayOrders } from '@parley/shared/realtime'
import { startTokenIssuer } from '@parley/testing/token-issuer'
import { describe, expect, vi } from 'vitest'
import type { Registry } from '../src/connections/registry.ts'
import { closeCodeOf, connectClient, refusedWith, test, type TestClient } from './fixture.ts'

const heardBy = ({ socket }: TestClient, event: string) =>
  new Promise<unknown>((resolve) => socket.once(event, resolve))
const isHere = (
  node: { ctx: { registry: { socketsOf: (userId: never) => Iterable<unknown> } } },
  id: string,
) => [...node.ctx.registry.socketsOf(id as never)].length

/** As with a client that does not answer the closing handshake. */
function keepOpen(
  { ctx: { registry } }: { ctx: { registry: Registry } },
  { userId }: Pick<TestClient, 'userId'>,
): void {
  for (const { conn } of registry.socketsOf(userId)) {
    const raw = (conn.transport as unknown as { socket: { close: () => void } }).socket
    vi.spyOn(raw, 'close').mockImplementation(() => undefined)
  }
}

describe('a session that ends', () => {
  const by = { deviceId: 'tablet', platform: 'android', address: '192.0.2.7', at: new Date().toISOString() }

  test.for([
    [{ reason: 'replaced', by }, 4409],
    [{ reason: 'suspended' }, 4403],
    [{ reason: 'revoked' }, 4401],
  ] as const)(
    'P9 on every node its sockets close: %j with %i',
    async ([end, code], { a, b, issuer, announcer }) => {
      const sessionId = uuid()
      await using here = await connectClient(a.url, issuer, { sessionId })
      await using there = await connectClient(b.url, issuer, { sessionId })
      const told = end.reason === 'replaced' ? heardBy(here, 'session:replaced') : undefined
      const closed = [here, there].map(closeCodeOf)
      await announcer.order({ kind: 'end-sessions', sessionIds: [sessionId as SessionId], ...end })
      expect(await Promise.all(closed)).toEqual([code, code])
      expect(await told).toEqual(end.reason === 'replaced' ? { by } : undefined)
    },
  )

  test.for([
    ['replaced', 'session_replaced'],
    ['suspended', 'account_suspended'],
    ['revoked', 'unauthenticated'],
  ] as const)(
    'P9 is answered nothing any more by a socket that does not go: %s with %s',
    async ([reason, code], { a, issuer, messages, announcer }) => {
      await using phone = await connectClient(a.url, issuer)
      const send = () =>
        phone.ask('message:send', {
          clientMessageId: uuid(),
          to: { userId: 'bob' },
          type: 'text',
          content: { text: 'hi' },
        })
      expect(await send()).toMatchObject({ ok: true })
      const sent = messages.seen.sends.length
      keepOpen(a, phone)
      const closing = heardBy(phone, 'session:closing')
      await announcer.order({ kind: 'end-sessions', sessionIds: [phone.sessionId], reason })
      await closing
      expect(await send()).toMatchObject({ ok: false, error: { code } })
      expect(await phone.ask('log:sync', {})).toMatchObject({ ok: false, error: { code } })
      expect(messages.seen.sends).toHaveLength(sent)
    },
  )

  test('P9 by its token is answered so by a socket that does not go', async ({ a, issuer }) => {
    const once = ['session:closing']
    await using phone = await connectClient(a.url, issuer, { expiresIn: '-22s', once })
    keepOpen(a, phone)
    await phone.heard('session:closing')
    expect(await phone.ask('log:sync', {})).toMatchObject({ ok: false, error: { code: 'token_expired' } })
  })

  test('P9 while its handshake still waits for messages does not get in by that', async ({
    a,
    issuer,
    messages,
    announcer,
  }) => {
    const sessionId = uuid() as SessionId
    await using other = await connectClient(a.url, issuer)
    const stock = messages.handlers['sessions/open']
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    messages.handlers['sessions/open'] = async (request) => {
      const answer = await stock?.(request)
      asked.resolve()
      await gate.promise
      return answer ?? { results: [] }
    }
    const connecting = connectClient(a.url, issuer, { sessionId })
    await asked.promise
    const order: GatewayOrder = {
      kind: 'end-sessions',
      sessionIds: [sessionId, other.sessionId],
      reason: 'revoked',
    }
    const heard = closeCodeOf(other)
    await announcer.order(order)
    // The node has carried the order out by then.
    await heard
    gate.resolve()
    if (stock) messages.handlers['sessions/open'] = stock
    await using late = await connecting
    if (late.socket.connected) expect(await closeCodeOf(late)).toBe(4401)
    await vi.waitUntil(() => isHere(a, late.userId) === 0)
  })

  test('P9 while Redis is away is found by asking, and its sockets close all the same', async ({
    start,
    issuer,
    messages,
    ownRedis,
  }) => {
    await using node = await start('deaf', { REDIS_URL: ownRedis.url })
    await using phone = await connectClient(node.url, issuer)
    await using other = await connectClient(node.url, issuer)
    await ownRedis[Symbol.asyncDispose]()
    await vi.waitUntil(() => !node.ctx.subscriber.hears(gatewayOrders))
    messages.ended.add(phone.sessionId)
    expect(await closeCodeOf(phone)).toBe(4401)
    expect(other.socket.connected).toBe(true)
  })
})

describe('a fresh token on the same socket', () => {
  test('A3.7 P9 lets it live on, under the session it names', async ({ a, issuer, announcer }) => {
    const deviceId = uuid()
    await using phone = await connectClient(a.url, issuer, { deviceId, expiresIn: '40s' })
    await heardBy(phone, 'token:expiring')
    const before = phone.socket.id
    const sessionId = uuid() as SessionId
    const token = await issuer.sign({ userId: phone.userId, deviceId, sessionId, expiresIn: '15m' })
    const reply = await phone.ask('session:renew', { token })
    expect(reply).toMatchObject({ ok: true })
    const { expiresAt } = reply.data ?? expect.fail('no answer')
    expect(Date.parse(expiresAt ?? '')).toBeGreaterThan(Date.now() + 600_000)
    expect(phone.socket.id).toBe(before)
    await using other = await connectClient(a.url, issuer)
    const closed = closeCodeOf(other)
    await announcer.order({
      kind: 'end-sessions',
      sessionIds: [phone.sessionId, other.sessionId],
      reason: 'revoked',
    })
    await closed
    expect(phone.socket.connected).toBe(true)
    const ended = closeCodeOf(phone)
    await announcer.order({ kind: 'end-sessions', sessionIds: [sessionId], reason: 'revoked' })
    expect(await ended).toBe(4401)
  })

  test('P9 of a session that ends while messages is asked about it closes the socket', async ({
    a,
    issuer,
    messages,
    announcer,
  }) => {
    const deviceId = uuid()
    const sessionId = uuid() as SessionId
    await using phone = await connectClient(a.url, issuer, { deviceId })
    await using other = await connectClient(a.url, issuer)
    const stock = messages.handlers['sessions/open']
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    messages.handlers['sessions/open'] = async (request) => {
      const answer = await stock?.(request)
      asked.resolve()
      await gate.promise
      return answer ?? { results: [] }
    }
    const [ended, followed] = [phone, other].map(closeCodeOf)
    const token = await issuer.sign({ userId: phone.userId, deviceId, sessionId })
    phone.socket.emit('session:renew', { token }, () => undefined)
    await asked.promise
    if (stock) messages.handlers['sessions/open'] = stock
    await announcer.order({
      kind: 'end-sessions',
      sessionIds: [sessionId, other.sessionId],
      reason: 'revoked',
    })
    // The node has carried the order out by then.
    await followed
    gate.resolve()
    expect(await ended).toBe(4401)
  })

  test('P9 must be of the same user and device, hold, and be of a session that lives', async ({
    a,
    issuer,
    messages,
  }) => {
    const deviceId = uuid()
    await using phone = await connectClient(a.url, issuer, { deviceId })
    const { userId } = phone
    const ended = uuid()
    messages.ended.add(ended as SessionId)
    const cases = {
      forbidden: [
        await issuer.sign({ userId: 'somebody-else', deviceId }),
        await issuer.sign({ userId, deviceId: 'another' }),
      ],
      token_expired: [await issuer.sign({ userId, deviceId, expiresIn: '-5m' })],
      unauthenticated: ['nonsense', await issuer.sign({ userId, deviceId, sessionId: ended })],
      invalid_request: [''],
    }
    for (const [code, tokens] of Object.entries(cases)) {
      for (const token of tokens)
        expect(await phone.ask('session:renew', { token })).toMatchObject({ ok: false, error: { code } })
    }
    expect(phone.socket.connected).toBe(true)
  })
})

describe('a device that connects again', () => {
  test('P9 takes the place of its older socket, on the same node and on another', async ({
    a,
    b,
    issuer,
  }) => {
    const [userId, deviceId, sessionId] = ['twin', uuid(), uuid()]
    const again = (node: typeof a) => connectClient(node.url, issuer, { userId, deviceId, sessionId })
    await using first = await again(a)
    const firstTold = heardBy(first, 'session:replaced')
    const firstGone = heardBy(first, 'disconnect')
    await using second = await again(a)
    expect(await firstTold).toMatchObject({ by: { deviceId, platform: 'web' } })
    // A reason after which a client does not come back by itself: two would push one another out for ever.
    expect(await firstGone).toBe('io server disconnect')
    const secondGone = heardBy(second, 'disconnect')
    await using third = await again(b)
    expect(await secondGone).toBe('io server disconnect')
    await vi.waitUntil(() => isHere(a, userId) === 0)
    expect([third.socket.connected, isHere(b, userId)]).toEqual([true, 1])
  })

  test('P9 of many connections of one device at the same moment one is left', async ({ a, b, issuer }) => {
    const identity = { userId: 'twins', deviceId: uuid(), sessionId: uuid() }
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, i) => connectClient((i % 2 ? a : b).url, issuer, identity)),
    )
    await vi.waitUntil(() => isHere(a, 'twins') + isHere(b, 'twins') === 1)
    await vi.waitUntil(() => clients.filter(({ socket }) => socket.connected).length === 1)
    for (const client of clients) await client[Symbol.asyncDispose]()
  })

  test('does not count twice towards the limit of its user', async ({ start, issuer }) => {
    await using node = await start('returning', { MAX_SOCKETS_PER_USER: '1' })
    const identity = { userId: 'returning', deviceId: uuid() }
    await using first = await connectClient(node.url, issuer, identity)
    const gone = heardBy(first, 'disconnect')
    await using second = await connectClient(node.url, issuer, identity)
    await gone
    expect(second.socket.connected).toBe(true)
    const token = await issuer.sign({ userId: 'returning', deviceId: 'another' as DeviceId })
    expect((await refusedWith(node.url, { token })).data?.code).toBe('rate_limited')
  })

  test('other devices of the user stay and hear everything once', async ({ a, b, issuer, announcer }) => {
    const identity = { userId: 'several', deviceId: uuid() }
    await using tablet = await connectClient(b.url, issuer, { userId: 'several' })
    await using old = await connectClient(a.url, issuer, identity)
    const gone = heardBy(old, 'disconnect')
    await using fresh = await connectClient(b.url, issuer, identity)
    await gone
    const heard: string[] = []
    for (const [name, { socket }] of Object.entries({ tablet, old, fresh }))
      socket.on('log:stale', () => heard.push(name))
    await announcer.ring([{ room: 'u:several', text: encodeEvent('log:stale', { withinMs: 1 }) }])
    await vi.waitUntil(() => heard.length >= 2)
    expect(heard.toSorted()).toEqual(['fresh', 'tablet'])
  })
})

test('P9 keys that are rotated are found by themselves, and tokens of the old ones are good no more', async ({
  start,
}) => {
  await using rotating = await startTokenIssuer()
  await using node = await start('rotating', { AUTH_JWKS_URL: rotating.jwksUrl })
  const old = await rotating.sign({ userId: 'ann' })
  await using _ = await connectClient(node.url, rotating)
  await rotating.rotate()
  const isLetIn = async () => {
    const client = await connectClient(node.url, rotating).catch(() => undefined)
    await client?.[Symbol.asyncDispose]()
    return client !== undefined
  }
  // Made-up key ids must not make a gateway ask for keys at every handshake, so it takes some seconds.
  await vi.waitUntil(isLetIn, { interval: 200 })
  expect((await refusedWith(node.url, { token: old })).data?.code).toBe('unauthenticated')
})
