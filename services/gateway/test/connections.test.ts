import { randomUUID as uuid } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { UserId } from '@parley/shared/ids'
import { findConnected } from '@parley/shared/presence'
import { encodeEvent, encodeTraced } from '@parley/shared/realtime'
import { io } from 'socket.io-client'
import { describe, expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { connectClient, goodOrigin, refusedWith, test } from './fixture.ts'

const ring = (seq: number) =>
  encodeEvent('entry:new', {
    entry: {
      conversationId: 'c',
      seq,
      kind: 'message',
      senderId: 'x',
      type: 'text',
      content: { text: 'ü€😀' },
      sentAt: '2026-01-01T00:00:00.000Z',
    },
    summary: { conversationId: 'c', kind: 'direct', lastSeq: seq },
  })

describe('handshakes', () => {
  test('A3.10 P9 without a valid token nobody gets in, and the reason is a code', async ({ a, issuer }) => {
    const other = await issuer.sign({ userId: 'late', expiresIn: '-5m' })
    expect((await refusedWith(a.url, {})).data?.code).toBe('unauthenticated')
    expect((await refusedWith(a.url, { token: 'nonsense' })).data?.code).toBe('unauthenticated')
    expect((await refusedWith(a.url, { token: other })).data?.code).toBe('token_expired')
    expect((await refusedWith(a.url, { token: { not: 'text' } })).data?.code).toBe('invalid_request')
    const token = await issuer.sign({ userId: 'me', deviceId: 'phone' })
    expect((await refusedWith(a.url, { token, deviceId: 'tablet' })).data?.code).toBe('unauthenticated')
  })

  test('P9 a session that has ended does not get in with a token that has not', async ({
    a,
    issuer,
    messages,
  }) => {
    const sessionId = uuid()
    messages.ended.add(sessionId as never)
    const token = await issuer.sign({ userId: 'gone', sessionId })
    expect((await refusedWith(a.url, { token })).data?.code).toBe('unauthenticated')
  })

  test('P9 neither the token that was shown nor the request it came with is kept in memory', async ({
    a,
    issuer,
  }) => {
    await connectClient(a.url, issuer)
    const sockets = [...a.io.sockets.sockets.values()]
    expect(sockets.length).toBeGreaterThan(0)
    for (const { handshake, conn } of sockets) {
      expect(handshake).toMatchObject({ auth: {}, headers: {}, query: {} })
      expect(conn.request).toBeNull()
    }
  })

  test('P10 what a connection was given room for and does not use is given back', async ({
    start,
    issuer,
  }) => {
    await using node = await start('slim')
    await using one = await connectClient(node.url, issuer)
    await using other = await connectClient(node.url, issuer)
    expect([one.socket.connected, other.socket.connected]).toEqual([true, true])
    const sockets = [...node.io.sockets.sockets.values()] as unknown as {
      acks: Map<number, unknown>
      fns: unknown[]
      conn: { _events: object; transport: { _events: object; socket: { _events: object; _socket: Socket } } }
    }[]
    expect(sockets[0]?.acks).toBe(sockets[1]?.acks)
    for (const { fns, conn } of sockets) {
      expect(fns).toHaveLength(1)
      const webSocket = conn.transport.socket
      const timers = Object.getOwnPropertySymbols(webSocket._socket).filter(
        ({ description }) => description === 'timeout',
      )
      expect(timers.map((timer) => Reflect.get(webSocket._socket, timer))).toEqual([null])
      for (const events of [conn._events, conn.transport._events, webSocket._events]) {
        expect(Object.keys(events)).toContain('close')
        // No name that a client or a library may say is a listener by inheritance.
        expect(['constructor', 'toString', '__proto__'].filter((name) => name in events)).toEqual([])
      }
    }
  })

  test('the token may come in the query, for old clients', async ({ a, issuer }) => {
    const token = await issuer.sign({ userId: 'old-client' })
    const socket = io(a.url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      query: { auth_token: token },
    })
    await new Promise<void>((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject))
    socket.disconnect()
  })

  test.for([
    'https://evil.example',
    'null',
    'https://chat.example.evil.com',
    'https://CHAT.example:444',
    'http://chat.example',
  ])(
    'P9 a browser from %s is refused in the handshake, over WebSocket and polling',
    async (origin, { a, issuer }) => {
      const status = await new Promise((resolve) => {
        const raw = new WebSocket(`${a.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
          origin,
        })
        raw.on('unexpected-response', (_request, response) => resolve(response.statusCode))
        raw.on('open', () => resolve('open'))
        raw.on('error', () => undefined)
      })
      expect(status).toBe(403)
      const polled = await fetch(`${a.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })
      expect(polled.status).toBe(403)
      await using welcome = await connectClient(a.url, issuer, { headers: { origin: goodOrigin } })
      expect(welcome.socket.connected).toBe(true)
    },
  )

  test('P10 a socket beyond the limit of its user is refused, and the others stay', async ({
    start,
    issuer,
  }) => {
    await using node = await start('caps', { MAX_SOCKETS_PER_USER: '2' })
    await using one = await connectClient(node.url, issuer, { userId: 'many' })
    await using two = await connectClient(node.url, issuer, { userId: 'many' })
    expect((await refusedWith(node.url, { token: await issuer.sign({ userId: 'many' }) })).data?.code).toBe(
      'rate_limited',
    )
    expect([one.socket.connected, two.socket.connected]).toEqual([true, true])
  })

  test('P10 many handshakes at the same moment leave no more sockets than the limit', async ({
    start,
    issuer,
  }) => {
    await using node = await start('rush', { MAX_SOCKETS_PER_USER: '2' })
    const rush = Array.from({ length: 8 }, () => connectClient(node.url, issuer, { userId: 'rushing' }))
    const clients = (await Promise.allSettled(rush)).flatMap((it) =>
      it.status === 'fulfilled' ? [it.value] : [],
    )
    await vi.waitUntil(() => clients.filter(({ socket }) => socket.connected).length <= 2)
    expect(node.ctx.registry.user('rushing' as never)?.sockets).toHaveLength(2)
    for (const client of clients) await client[Symbol.asyncDispose]()
  })

  test('P10 many handshakes at the same moment leave no more sockets than the node takes', async ({
    start,
    issuer,
  }) => {
    await using node = await start('packed', { MAX_CONNECTIONS: '2' })
    const rush = await Promise.allSettled(Array.from({ length: 8 }, () => connectClient(node.url, issuer)))
    const clients = rush.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
    expect(clients).toHaveLength(2)
    for (const it of rush.filter(({ status }) => status === 'rejected'))
      expect(it).toMatchObject({ reason: { data: { code: 'overloaded' } } })
    for (const client of clients) await client[Symbol.asyncDispose]()
  })

  test('P10 an unknown namespace is refused', async ({ a, issuer }) => {
    expect((await refusedWith(`${a.url}/admin`, { token: await issuer.sign({ userId: 'x' }) })).message).toBe(
      'Invalid namespace',
    )
  })

  test.for([['/nowhere'], ['/']])(
    'P10 a connection that asks again and again to be let in is closed: into %s',
    async ([namespace], { a }) => {
      const url = `${a.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`
      const raw = new WebSocket(url)
      await once(raw, 'open')
      const said: string[] = []
      raw.on('message', (data: Buffer) => said.push(data.toString()))
      for (let i = 0; i < 30; i++) raw.send(`40${namespace},`)
      await once(raw, 'close')
      const refusals = said.filter((text) => text.startsWith('44'))
      expect(refusals.length).toBeLessThanOrEqual(10)
    },
  )

  test('P9 nothing of the internal port is on the public one', async ({ a }) => {
    for (const path of ['/metrics', '/readyz', '/livez', '/rpc/messages/send']) {
      expect((await fetch(`${a.url}${path}`)).status).toBe(404)
    }
    expect((await fetch(`${a.internalUrl}/readyz`)).status).toBe(200)
  })
})

describe('doorbells', () => {
  test('A3.13 ring at the sockets of a user on every node, over WebSocket and polling, and nowhere else', async ({
    a,
    b,
    issuer,
    announcer,
  }) => {
    await using phone = await connectClient(a.url, issuer, { userId: 'ann' })
    await using tablet = await connectClient(b.url, issuer, { userId: 'ann', transports: ['polling'] })
    await using other = await connectClient(a.url, issuer)
    const heard: unknown[] = []
    const strayed: unknown[] = []
    for (const { socket } of [phone, tablet]) socket.on('entry:new', (payload) => heard.push(payload))
    other.socket.on('entry:new', (payload) => strayed.push(payload))
    await announcer.ring([{ room: 'u:ann', text: ring(1) }])
    await vi.waitUntil(() => heard.length === 2)
    expect(heard).toEqual([JSON.parse(ring(1).slice(2))[1], JSON.parse(ring(1).slice(2))[1]])
    expect(strayed).toEqual([])
  })

  test('A8.15 a group rings in its room from the moment the socket is told it is connected', async ({
    a,
    issuer,
    announcer,
    messages,
  }) => {
    messages.groups.set('member', ['g1' as never])
    for (let i = 0; i < 20; i++) {
      await using member = await connectClient(a.url, issuer, { userId: 'member' })
      const heard = new Promise((resolve) => member.socket.once('entry:new', resolve))
      await announcer.ring([{ room: 'c:g1', text: ring(i + 1) }])
      expect(await heard).toMatchObject({ entry: { seq: i + 1 } })
    }
  })

  test.for([['websocket'], ['polling']] as const)(
    'events of every length, rung together, arrive whole and in order over %s',
    async ([transport], { a, issuer, announcer }) => {
      await using bob = await connectClient(a.url, issuer, { userId: 'bob', transports: [transport] })
      const heard: string[] = []
      bob.socket.on('log:stale', (payload: { withinMs: string }) => heard.push(payload.withinMs))
      const texts = [0, 80, 90, 100, 200, 65_480, 65_510, 70_000].map((length) => 'é'.repeat(length))
      await announcer.ring(
        texts.map((text, i) => ({ room: 'u:bob', text: traced(i === 2, ['log:stale', { withinMs: text }]) })),
      )
      await vi.waitUntil(() => heard.length === texts.length)
      expect(heard).toEqual(texts)
    },
  )

  const traced = (recorded: boolean, event: unknown[]) => {
    const text = `42${JSON.stringify(event)}`
    return recorded ? encodeTraced(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, text) : text
  }

  test('A8.15 members added while connected hear the group on every node', async ({
    a,
    b,
    issuer,
    messages,
    announcer,
  }) => {
    messages.logs.set('g2', { lastSeq: 0, userIds: ['new-member' as UserId] })
    await using phone = await connectClient(a.url, issuer, { userId: 'new-member' })
    await using tablet = await connectClient(b.url, issuer, { userId: 'new-member' })
    const heard: unknown[] = []
    for (const { socket } of [phone, tablet]) socket.on('entry:new', (payload) => heard.push(payload))
    await announcer.order({
      kind: 'join',
      userIds: [phone.userId],
      conversationId: 'g2' as never,
      lastSeq: 0,
    })
    await vi.waitUntil(async () => {
      await announcer.ring([{ room: 'c:g2', text: ring(1) }])
      return heard.length >= 2
    })
  })

  test('what is no order and no event on the channels is ignored', async ({
    a,
    issuer,
    redis,
    announcer,
  }) => {
    await using bob = await connectClient(a.url, issuer, { userId: 'bob2' })
    for (const text of ['{', '{"kind":"unknown"}', '\u0000', '{"type":3}']) {
      await redis.spublish('parley:gateway-orders', text)
      await redis.spublish('socket.io#/#u:bob2#', text)
    }
    const heard = new Promise((resolve) => bob.socket.once('entry:new', resolve))
    await announcer.ring([{ room: 'u:bob2', text: ring(9) }])
    expect(await heard).toMatchObject({ entry: { seq: 9 } })
  })
})

describe('presence', () => {
  test('a user is here from the first socket to the last, on whatever node', async ({
    a,
    b,
    issuer,
    redis,
  }) => {
    const here = async () => (await findConnected(redis, ['pia' as never])).size === 1
    await vi.waitUntil(async () => !(await here()))
    const phone = await connectClient(a.url, issuer, { userId: 'pia' })
    await vi.waitUntil(here)
    const tablet = await connectClient(b.url, issuer, { userId: 'pia' })
    await phone[Symbol.asyncDispose]()
    await vi.waitUntil(() => a.ctx.registry.user('pia' as never) === undefined)
    expect(await here()).toBe(true)
    await tablet[Symbol.asyncDispose]()
    await vi.waitUntil(async () => !(await here()))
  })

  test('a wiped Redis learns again who is here', async ({ a, issuer, redis }) => {
    await using phone = await connectClient(a.url, issuer, { userId: 'sticky' })
    await redis.flushall()
    await vi.waitUntil(async () => (await findConnected(redis, [phone.userId])).size === 1)
  })
})

test('P11 those who come back together are answered together, and who missed too much for that by itself', async ({
  a,
  issuer,
  messages,
}) => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectClient(a.url, issuer)))
  await using opened = new AsyncDisposableStack()
  for (const client of clients) opened.use(client)
  const { returned, asked } = messages.seen
  returned.length = asked.length = 0
  const answers = await Promise.all(clients.map((client) => client.ask('log:sync', { cursor: 'old' })))
  for (const answer of answers)
    expect(answer).toEqual({
      ok: true,
      data: { conversations: [], ended: [], cursor: 'newer', complete: true },
    })
  expect(returned.length).toBeLessThan(20)
  expect(asked).toEqual([])
  expect(await clients[0]?.ask('log:sync', { cursor: 'missed much' })).toMatchObject({ ok: true })
  expect(await clients[0]?.ask('log:sync', {})).toMatchObject({ ok: true })
  expect(asked).toEqual(['log:sync', 'log:sync'])
})
