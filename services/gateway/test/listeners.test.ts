import { randomUUID as uuid } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import { type ConversationId, type SessionId, type UserId } from '@parley/shared/ids'
import type { ConversationChange } from '@parley/shared/protocol'
import { conversationRoom, encodeEvent, gatewayOrders, userRoom } from '@parley/shared/realtime'
import { openEvents } from '@parley/testing/event-reader'
import { startRedisCluster } from '@parley/testing/redis-cluster'
import { describe, expect, vi } from 'vitest'
import { goodOrigin, test as base } from './fixture.ts'

/** Stands where the log stands: a number that grows, and pages of what is beyond a cursor. */
const test = base
  .extend('log', { scope: 'file' }, ({ messages, announcer }) => {
    const lengths = new Map<string, number>()
    const seen = { syncs: 0 }
    /** Whose pages are half a megabyte each. */
    const big = new Set<string>()
    messages.handlers['events/ask'] = ({ identity, request }) => {
      seen.syncs++
      const { cursor = '0' } = request as { cursor?: string }
      if (!/^\d+$/.test(cursor)) throw new AppError('invalid_request', 'no such cursor')
      const length = lengths.get(identity.userId) ?? 0
      const entries = Array.from({ length: length - Number(cursor) }, (_, i) => Number(cursor) + i + 1)
      return {
        conversations:
          entries.length > 0 ? [changeWith(entries, big.has(identity.userId) ? 500_000 : 0)] : [],
        ended: [],
        cursor: String(length),
        complete: true,
      }
    }
    return {
      seen,
      big,
      grow: async (userId: string, room: string = userRoom(userId as UserId)) => {
        lengths.set(userId, (lengths.get(userId) ?? 0) + 1)
        await announcer.ring([{ room, text: encodeEvent('entry:new', { entry: {}, summary: {} } as never) }])
      },
    }
  })
  .extend('person', async ({ issuer }) => {
    const [userId, sessionId] = [`user-${uuid()}`, uuid()]
    const token = await issuer.sign({ userId, sessionId, deviceId: 'web' })
    return { userId, sessionId: sessionId as SessionId, headers: { authorization: `Bearer ${token}` } }
  })

function changeWith(seqs: number[], bytes: number): ConversationChange {
  const entry = {
    conversationId: 'c',
    kind: 'message',
    senderId: 'x',
    type: 'text',
    content: { text: 'x'.repeat(bytes) },
  }
  return {
    conversationId: 'c',
    summary: { conversationId: 'c', kind: 'group', lastSeq: seqs.at(-1) ?? 0 },
    role: 'member',
    watermarks: { deliveredSeq: 0, readSeq: 0, clearedSeq: 0 },
    settings: { pinned: false, hidden: false },
    unread: 0,
    entries: seqs.map((seq, i) => ({
      ...entry,
      seq,
      content: { text: 'x'.repeat(i === 0 ? bytes : 0) },
      sentAt: new Date().toISOString(),
    })),
    complete: true,
  }
}

const seqsOf = (page: { conversations: { entries: { seq: number }[] }[] }) =>
  page.conversations.flatMap(({ entries }) => entries.map(({ seq }) => seq))

async function ask(url: string, query: string, headers: Record<string, string>, signal?: AbortSignal) {
  const response = await fetch(`${url}/v1/sync${query}`, { headers, ...(signal ? { signal } : {}) })
  return { status: response.status, headers: response.headers, body: (await response.json()) as never }
}

describe('polling', () => {
  test('A1.7 a short poll is answered at once, with what there is or with nothing', async ({
    a,
    log,
    person,
  }) => {
    expect((await ask(a.url, '', person.headers)).body).toMatchObject({ conversations: [], complete: true })
    await log.grow(person.userId)
    const { body, headers } = await ask(a.url, '', person.headers)
    expect(seqsOf(body)).toEqual([1])
    expect(headers.get('cache-control')).toBe('no-store')
    expect(seqsOf((await ask(a.url, '?cursor=1', person.headers)).body)).toEqual([])
  })

  test('A1.8 a held poll is woken by what commits on any node, for the user or for a group, with one look at the log', async ({
    a,
    b,
    log,
    messages,
    person,
  }) => {
    const groupId = `g-${uuid()}` as ConversationId
    messages.groups.set(person.userId, [groupId])
    for (const room of [userRoom(person.userId as UserId), conversationRoom(groupId)]) {
      const { cursor } = (await ask(b.url, '', person.headers)).body as { cursor: string }
      const before = log.seen.syncs
      const held = ask(a.url, `?wait=30&cursor=${cursor}`, person.headers)
      await vi.waitUntil(() => log.seen.syncs === before + 1)
      await log.grow(person.userId, room)
      const { status, body } = await held
      expect([status, seqsOf(body)]).toEqual([200, [Number(cursor) + 1]])
      expect(log.seen.syncs).toBe(before + 2)
    }
  })

  test('A7.9 a held poll is woken by what its user marks on another device, and not by what others mark', async ({
    a,
    announcer,
    log,
    person,
  }) => {
    const before = log.seen.syncs
    const held = ask(a.url, '?wait=30', person.headers)
    await vi.waitUntil(() => log.seen.syncs === before + 1)
    const room = userRoom(person.userId as UserId)
    const markedBy = (userId: string) => ({
      room,
      text: encodeEvent('message:marked', { conversationId: 'c', userId, messageIds: ['c.1'], read: true }),
    })
    await announcer.ring([markedBy('x')])
    await announcer.ring([markedBy(person.userId)])
    await vi.waitUntil(() => log.seen.syncs === before + 2)
    await log.grow(person.userId)
    expect(seqsOf((await held).body)).toEqual([1])
    expect(log.seen.syncs).toBe(before + 3)
  })

  test('A1.8 a held poll that nothing wakes is answered with an empty complete page at its end', async ({
    a,
    person,
  }) => {
    const { status, body } = await ask(a.url, '?wait=1', person.headers)
    expect([status, body]).toEqual([200, { conversations: [], ended: [], cursor: '0', complete: true }])
  })

  test('who hangs up leaves no listener and no subscription behind', async ({ a, redis, log, person }) => {
    const before = log.seen.syncs
    const hangUp = new AbortController()
    const held = ask(a.url, '?wait=30', person.headers, hangUp.signal).catch(() => 'gone')
    const channel = `socket.io#/#${userRoom(person.userId as UserId)}#`
    const subscribers = async () =>
      ((await redis.call('PUBSUB', 'SHARDNUMSUB', channel)) as [string, number])[1]
    await vi.waitUntil(() => log.seen.syncs === before + 1)
    expect(await subscribers()).toBe(1)
    hangUp.abort()
    expect(await held).toBe('gone')
    await vi.waitUntil(async () => (await subscribers()) === 0)
    expect(a.io.of('/').adapter.rooms.has(userRoom(person.userId as UserId))).toBe(false)
  })

  test('P10 a user and a node hold no more than so many, and take the next when one is done', async ({
    start,
    log,
    issuer,
    person,
  }) => {
    await using node = await start('few', { MAX_LISTENERS: '3', MAX_LISTENERS_PER_USER: '2' })
    const before = log.seen.syncs
    const held = [1, 2].map(() => ask(node.url, '?wait=30', person.headers))
    await vi.waitUntil(() => log.seen.syncs === before + 2)
    expect(await ask(node.url, '?wait=30', person.headers)).toMatchObject({
      status: 429,
      body: { error: { code: 'rate_limited', retryable: true } },
    })
    const other = { authorization: `Bearer ${await issuer.sign({ userId: `user-${uuid()}` })}` }
    using stream = await openEvents(`${node.url}/v1/events`, other)
    expect(stream.status).toBe(200)
    const third = { authorization: `Bearer ${await issuer.sign({ userId: `user-${uuid()}` })}` }
    expect(await ask(node.url, '?wait=30', third)).toMatchObject({
      status: 503,
      body: { error: { code: 'overloaded' } },
    })
    expect((await ask(node.url, '', third)).status).toBe(200)
    await log.grow(person.userId)
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200])
    expect((await ask(node.url, '?wait=1&cursor=1', person.headers)).status).toBe(200)
  })

  test('P11 a node that goes away answers held polls and ends streams with a time to come back', async ({
    start,
    log,
    person,
  }) => {
    const node = await start('going')
    const before = log.seen.syncs
    const held = ask(node.url, '?wait=30', person.headers)
    using stream = await openEvents(`${node.url}/v1/events`, person.headers)
    await vi.waitUntil(() => log.seen.syncs === before + 2)
    const gone = node[Symbol.asyncDispose]()
    const { status, headers, body } = await held
    expect(status).toBe(503)
    expect(body).toMatchObject({ error: { code: 'draining', retryable: true } })
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(5)
    await vi.waitUntil(() => stream.isOver())
    expect(stream.events.at(-2)).toMatchObject({ event: 'session:draining', id: '0' })
    expect(stream.events.at(-1)).toMatchObject({ event: 'session:closing', data: { code: 4503 } })
    await gone
  })

  test('P9 a session that ends while it is held is told so, and learns nothing more', async ({
    a,
    announcer,
    log,
    messages,
    person,
  }) => {
    const before = log.seen.syncs
    const held = ask(a.url, '?wait=30', person.headers)
    await vi.waitUntil(() => log.seen.syncs === before + 1)
    await announcer.order({ kind: 'end-sessions', sessionIds: [person.sessionId], reason: 'revoked' })
    expect(await held).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } })
    messages.ended.add(person.sessionId)
    for (const query of ['', '?wait=30']) expect((await ask(a.url, query, person.headers)).status).toBe(401)
    using stream = await openEvents(`${a.url}/v1/events`, person.headers)
    expect(stream.status).toBe(401)
  })

  test.for([
    ['?wait=31', 'invalid_request'],
    ['?wait=-1', 'invalid_request'],
    ['?wait=soon', 'invalid_request'],
    ['?limit=0', 'invalid_request'],
    ['?known=x', 'invalid_request'],
    ['?cursor=nonsense', 'invalid_request'],
    ['?cursor=nonsense&wait=5', 'invalid_request'],
  ] as const)('P10 %s is refused as %s', async ([query, code], { a, log, person }) => {
    expect(log).toBeDefined()
    expect(await ask(a.url, query, person.headers)).toMatchObject({ status: 400, body: { error: { code } } })
  })
})

describe('server-sent events', () => {
  test('A1.9 begin with a page, go on at each commit on any node, and resume after Last-Event-ID without gap', async ({
    a,
    b,
    log,
    person,
  }) => {
    await log.grow(person.userId)
    const seen: number[] = []
    let lastId: string | undefined
    for (const node of [a, b, a]) {
      using stream = await openEvents(`${node.url}/v1/events`, {
        ...person.headers,
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      })
      expect(stream.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'x-accel-buffering': 'no',
      })
      await vi.waitUntil(() => stream.named('sync').length === 1)
      for (let i = 0; i < 3; i++) {
        const had = stream.lastId()
        await log.grow(person.userId)
        await vi.waitUntil(() => stream.lastId() !== had)
      }
      seen.push(...stream.named('sync').flatMap(({ data }) => seqsOf(data as never)))
      expect(stream.events.every(({ id }) => id !== undefined)).toBe(true)
      lastId = stream.lastId()
      // Nobody listens while this commits.
      stream[Symbol.dispose]()
      await log.grow(person.userId)
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  })

  test('what else a socket would hear comes as hints, and only from rooms the user is in by then', async ({
    a,
    announcer,
    log,
    messages,
    person,
  }) => {
    expect(log).toBeDefined()
    const groupId = `g-${uuid()}` as ConversationId
    const [mine, room] = [userRoom(person.userId as UserId), conversationRoom(groupId)]
    messages.groups.set(person.userId, [])
    using stream = await openEvents(`${a.url}/v1/events`, person.headers)
    await vi.waitUntil(() => stream.named('sync').length === 1)
    const say = (to: string, lastSeq: number) =>
      announcer.ring([
        {
          room: to,
          text: encodeEvent('receipt:moved', {
            conversationId: groupId,
            userId: 'x',
            kind: 'read',
            seq: lastSeq,
          }),
        },
      ])
    const hints = () => stream.named('receipt:moved').map(({ data }) => data['seq'])
    const order = { userIds: [person.userId as UserId], conversationId: groupId, lastSeq: 0 }
    await say(room, 1)
    messages.logs.set(groupId, { lastSeq: 0, userIds: order.userIds })
    await announcer.order({ kind: 'join', ...order })
    await vi.waitUntil(async () => {
      await say(room, 2)
      return hints().includes(2 as never)
    })
    messages.logs.delete(groupId)
    await announcer.order({ kind: 'leave', ...order })
    // Its order is carried out before a later word in the user's own room is heard.
    await vi.waitUntil(() => !a.io.of('/').adapter.rooms.has(room))
    await say(room, 3)
    await say(mine, 4)
    await vi.waitUntil(() => hints().includes(4 as never))
    expect(new Set(hints())).toEqual(new Set([2, 4]))
  })

  test('P9 when orders alone may have been lost, are put into the rooms of their groups and out of others', async ({
    start,
    log,
    messages,
    person,
  }) => {
    expect(log).toBeDefined()
    const [leftId, joinedId] = [`g-${uuid()}`, `g-${uuid()}`] as [ConversationId, ConversationId]
    messages.groups.set(person.userId, [leftId])
    await using cluster = await startRedisCluster()
    await using node = await start('cluster', { REDIS_URL: cluster.url })
    await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
    const { rooms } = node.io.of('/').adapter
    using stream = await openEvents(`${node.url}/v1/events`, person.headers)
    const held = ask(node.url, '?wait=30', person.headers)
    await vi.waitUntil(() => rooms.get(conversationRoom(leftId))?.size === 2)
    messages.groups.set(person.userId, [joinedId])
    await cluster.moveSlot(gatewayOrders)
    await vi.waitUntil(() => rooms.get(conversationRoom(joinedId))?.size === 2)
    expect(rooms.has(conversationRoom(leftId))).toBe(false)
    stream[Symbol.dispose]()
    await node[Symbol.asyncDispose]()
    expect((await held).status).toBe(503)
  })

  test('P9 end with a last event and its code when the session does, or the token', async ({
    a,
    announcer,
    issuer,
    log,
    person,
  }) => {
    expect(log).toBeDefined()
    using revoked = await openEvents(`${a.url}/v1/events`, person.headers)
    const short = await issuer.sign({ userId: person.userId, expiresIn: '-27s' })
    using expired = await openEvents(`${a.url}/v1/events?auth_token=${short}`, {})
    await vi.waitUntil(() => revoked.events.length + expired.events.length === 2)
    const by = { deviceId: 'other', platform: 'web', at: new Date().toISOString() }
    await announcer.order({ kind: 'end-sessions', sessionIds: [person.sessionId], reason: 'replaced', by })
    await vi.waitUntil(() => revoked.isOver() && expired.isOver())
    expect(revoked.events.slice(1)).toMatchObject([
      { event: 'session:replaced', data: { by } },
      { event: 'session:closing', data: { code: 4409 } },
    ])
    expect(expired.events.at(-1)).toMatchObject({ event: 'session:closing', data: { code: 4401 } })
  })

  test('P9 a session that ended while Redis was away is found by asking', async ({
    a,
    log,
    messages,
    person,
    redis,
  }) => {
    expect(log).toBeDefined()
    using stream = await openEvents(`${a.url}/v1/events`, person.headers)
    await vi.waitUntil(() => stream.events.length === 1)
    messages.ended.add(person.sessionId)
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await vi.waitUntil(() => stream.isOver())
    expect(stream.events.at(-1)).toMatchObject({ event: 'session:closing', data: { code: 4401 } })
  })

  test('P10 a reader that does not read is fed no further, and cut off; its last id brings it back', async ({
    a,
    log,
    person,
    onTestFinished,
  }) => {
    log.big.add(person.userId)
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    using stream = await openEvents(`${a.url}/v1/events`, person.headers)
    await vi.waitUntil(() => stream.events.length === 1)
    const cursor = stream.lastId() ?? ''
    stream.response.pause()
    // What the sockets of both ends take without being read is some megabytes.
    const isFed = async () => {
      const before = log.seen.syncs
      await log.grow(person.userId)
      return vi.waitUntil(() => log.seen.syncs > before, { timeout: 3_000 }).catch(() => false)
    }
    while (await isFed()) expect(log.seen.syncs).toBeLessThan(200)
    vi.advanceTimersByTime(60_000)
    await vi.waitUntil(() => !a.io.of('/').adapter.rooms.has(userRoom(person.userId as UserId)))
    expect(await a.ctx.metrics.metrics()).toMatch(
      /^parley_gateway_slow_consumers_total\{reason="stream",.*\} 1$/m,
    )
    using again = await openEvents(`${a.url}/v1/events`, { ...person.headers, 'last-event-id': cursor })
    await vi.waitUntil(() => again.events.length === 1)
    expect(seqsOf(again.events[0]?.data as never)[0]).toBe(1)
  })

  test('web apps of the origins that sockets may come from read what is answered, and others do not', async ({
    a,
    log,
    person,
  }) => {
    expect(log).toBeDefined()
    using good = await openEvents(`${a.url}/v1/events`, { ...person.headers, origin: goodOrigin })
    expect(good).toMatchObject({
      status: 200,
      headers: { 'access-control-allow-origin': goodOrigin, vary: 'Origin' },
    })
    using bad = await openEvents(`${a.url}/v1/events`, { ...person.headers, origin: 'https://evil.example' })
    expect(bad.headers).not.toHaveProperty('access-control-allow-origin')
    const preflight = await fetch(`${a.url}/v1/events`, {
      method: 'OPTIONS',
      headers: {
        origin: goodOrigin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization, last-event-id',
      },
    })
    expect(preflight.headers.get('access-control-allow-headers')).toContain('last-event-id')
  })

  test('a cursor that is none is refused before the stream begins', async ({ a, log, person }) => {
    expect(log).toBeDefined()
    for (const id of ['nonsense', 'x'.repeat(513)]) {
      using stream = await openEvents(`${a.url}/v1/events`, { ...person.headers, 'last-event-id': id })
      expect(stream.status).toBe(400)
    }
  })
})
