import { randomUUID as uuid } from 'node:crypto'
import type { ConversationId, UserId } from '@parley/shared/ids'
import { startLoop } from '@parley/shared/loop'
import { createPresenceLease } from '@parley/shared/presence'
import type { PresenceState } from '@parley/shared/presence-events'
import { type Announcer, encodeEvent, gatewayOrders, userRoom } from '@parley/shared/realtime'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import type { LoadSample } from '../src/load/load.ts'
import { connectClient, test as base, type TestClient } from './fixture.ts'

const graceMs = 700
const quick = { PRESENCE_GRACE_MS: String(graceMs), PRESENCE_LEASE_MS: '1500' }

/** Two gateways that have less patience than usual. */
const test = base
  .extend('one', { scope: 'file' }, async ({ start }, { onCleanup }) => {
    const node = await start('one', quick)
    onCleanup(() => node[Symbol.asyncDispose]())
    return node
  })
  .extend('two', { scope: 'file' }, async ({ start }, { onCleanup }) => {
    const node = await start('two', quick)
    onCleanup(() => node[Symbol.asyncDispose]())
    return node
  })
  .extend('holdVisible', async ({ messages }, { onCleanup }) => {
    const stock = messages.handlers['presence/visible'] ?? expect.fail('no handler')
    const restore = () => {
      messages.handlers['presence/visible'] = stock
    }
    onCleanup(() => {
      restore()
      messages.hidden.clear()
    })
    /** Holds back the next answer of messages to who may be seen until it is let go. */
    return () => {
      const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      messages.handlers['presence/visible'] = async (request) => {
        restore()
        const answer = stock(request)
        asked.resolve()
        await gate.promise
        return answer
      }
      return { asked: asked.promise, letGo: gate.resolve }
    }
  })

const watch = (client: TestClient, ...userIds: string[]) =>
  client.ask('presence:watch', { userIds, watch: true })

/** Resolves when the witness's node has followed it: orders and doorbells come by one connection, in order. */
async function orderRecheck(announcer: Announcer, userId: string, witness: TestClient): Promise<void> {
  const followed = new Promise((resolve) => witness.socket.once('log:stale', resolve))
  await announcer.order({ kind: 'recheck-presence', userIds: [userId as UserId] })
  await announcer.ring([{ room: userRoom(witness.userId), text: encodeEvent('log:stale', { withinMs: 1 }) }])
  await followed
}

/** What a client hears of a user, in order: `online`, `away` or `offline`. */
function heardOf({ socket }: TestClient, userId: string): string[] {
  const heard: string[] = []
  socket.on('presence:changed', ({ states }: { states: PresenceState[] }) => {
    for (const state of states)
      if (state.userId === userId) heard.push(state.online ? (state.away ? 'away' : 'online') : 'offline')
  })
  return heard
}

async function watchUntilOnline(client: TestClient, userId: string): Promise<void> {
  await vi.waitUntil(async () => {
    const { data } = await watch(client, userId)
    return (data?.['states'] as unknown as PresenceState[] | undefined)?.[0]?.online
  })
}

/** Somebody else comes and goes on the other node, and their news are heard: whatever was to be heard before has been. */
async function heardAfter(watcher: TestClient, come: () => Promise<TestClient>): Promise<void> {
  const marker = await come()
  const heard = heardOf(watcher, marker.userId)
  await watchUntilOnline(watcher, marker.userId)
  await marker[Symbol.asyncDispose]()
  await vi.waitUntil(() => heard.includes('offline'))
}

describe('presence', () => {
  test('A9.1 those who watch hear the first device come and the last go, on whatever node, once each', async ({
    one,
    two,
    issuer,
    messages,
  }) => {
    await using ann = await connectClient(one.url, issuer, { userId: 'ann' })
    await using ben = await connectClient(two.url, issuer, { userId: 'ben' })
    await using stranger = await connectClient(two.url, issuer, { userId: 'stranger' })
    const [byAnn, byBen, byStranger] = [ann, ben, stranger].map((client) => heardOf(client, 'cas'))
    for (const client of [ann, ben])
      expect(await watch(client, 'cas')).toMatchObject({
        ok: true,
        data: { states: [{ userId: 'cas', online: false }], expiresInMs: expect.any(Number) },
      })
    const phone = await connectClient(one.url, issuer, { userId: 'cas' })
    const tablet = await connectClient(two.url, issuer, { userId: 'cas' })
    await vi.waitUntil(() => byAnn?.length === 1 && byBen?.length === 1)
    expect(await watch(stranger, 'cas')).toMatchObject({
      data: { states: [{ userId: 'cas', online: true }] },
    })
    await stranger.ask('presence:watch', { userIds: ['cas'], watch: false })
    await phone[Symbol.asyncDispose]()
    await heardAfter(ann, () => connectClient(two.url, issuer))
    await tablet[Symbol.asyncDispose]()
    await vi.waitUntil(() => byAnn?.length === 2 && byBen?.length === 2)
    expect([byAnn, byBen, byStranger]).toEqual([['online', 'offline'], ['online', 'offline'], []])
    await vi.waitUntil(() => messages.seen.left.some(({ userId }) => userId === 'cas'))
    const last = await watch(ann, 'cas')
    expect(last).toMatchObject({ data: { states: [{ online: false, lastSeenAt: expect.any(String) }] } })
  })

  test('A9.2 somebody whose app is in the background everywhere is away, once it has lasted', async ({
    one,
    two,
    issuer,
  }) => {
    await using ann = await connectClient(one.url, issuer)
    await using dan = await connectClient(two.url, issuer, { userId: 'dan' })
    const heard = heardOf(ann, 'dan')
    await watchUntilOnline(ann, 'dan')
    await dan.ask('app:state', { state: 'background' })
    await dan.ask('app:state', { state: 'foreground' })
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect(heard).toEqual([])
    await dan.ask('app:state', { state: 'background' })
    await vi.waitUntil(() => heard.length === 1)
    await dan.ask('app:state', { state: 'foreground' })
    await vi.waitUntil(() => heard.length === 2)
    expect(heard).toEqual(['away', 'online'])
  })

  test('A9.1 nobody hears anything of a user who comes back within the grace, or whose gateway drains', async ({
    one,
    two,
    start,
    issuer,
  }) => {
    await using ann = await connectClient(one.url, issuer)
    const leaving = await start('draining', quick)
    const eve = await connectClient(leaving.url, issuer, { userId: 'eve' })
    await watch(ann, 'eve')
    const heard = heardOf(ann, 'eve')
    const gone = new Promise((resolve) => eve.socket.once('disconnect', resolve))
    const closing = leaving[Symbol.asyncDispose]()
    await gone
    await using back = await connectClient(two.url, issuer, { userId: 'eve' })
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect(heard.filter((it) => it === 'offline')).toEqual([])
    expect(await watch(ann, 'eve')).toMatchObject({ data: { states: [{ online: true }] } })
    expect(back.socket.connected).toBe(true)
    await closing
  })

  test('A9.1 users of a gateway that died go offline when its lease ends, exactly once, and are noted as last seen then', async ({
    one,
    two,
    issuer,
    messages,
    redis,
  }) => {
    const userId = `orphan-${uuid()}` as UserId
    const dead = createPresenceLease(redis, 'dead', () => [[userId, { sockets: 1, foreground: true }]], 1_500)
    await dead.renew()
    await using ann = await connectClient(one.url, issuer)
    await using ben = await connectClient(two.url, issuer)
    const [byAnn, byBen] = [heardOf(ann, userId), heardOf(ben, userId)]
    for (const client of [ann, ben])
      expect(await watch(client, userId)).toMatchObject({ data: { states: [{ online: true }] } })
    await vi.waitUntil(() => byAnn.length === 1 && byBen.length === 1)
    await vi.waitUntil(() => messages.seen.left.some((left) => left.userId === userId))
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect([byAnn, byBen]).toEqual([['offline'], ['offline']])
    expect(messages.seen.left.filter((left) => left.userId === userId)).toHaveLength(1)
    expect(await redis.exists('parley:presence:dead')).toBe(0)
  })

  test('A9.1 a gateway whose clock is behind is not taken for dead while it renews its lease', async ({
    one,
    messages,
    redis,
  }) => {
    const [living, orphan] = [`living-${uuid()}`, `orphan-${uuid()}`] as [UserId, UserId]
    const leaseOf = (gatewayId: string, userId: UserId) =>
      createPresenceLease(redis, gatewayId, () => [[userId, { sockets: 1, foreground: true }]], -60_000)
    const left = (userId: UserId) => messages.seen.left.some((it) => it.userId === userId)
    const late = leaseOf('late', living)
    await late.renew()
    await using _ = startLoop({ log: one.ctx.log, name: 'late', everyMs: 100 }, () => late.renew())
    await leaseOf('stopped', orphan).renew()
    await vi.waitUntil(() => left(orphan))
    expect(await redis.hlen('parley:presence:late')).toBe(1)
    expect(left(living)).toBe(false)
  })

  test('A9.1 a Redis that has lost everything takes nobody offline', async ({ issuer, ownRedis, start }) => {
    const env = { ...quick, PRESENCE_GRACE_MS: '4000', REDIS_URL: ownRedis.url }
    await using three = await start('three', env)
    await using four = await start('four', env)
    await using ann = await connectClient(three.url, issuer)
    await using fay = await connectClient(four.url, issuer, { userId: 'fay' })
    await watchUntilOnline(ann, 'fay')
    const heard = heardOf(ann, 'fay')
    const direct = new Redis(ownRedis.url)
    await direct.flushall()
    direct.disconnect()
    await heardAfter(ann, () => connectClient(four.url, issuer))
    expect(heard).toEqual([])
    expect(fay.socket.connected).toBe(true)
  })

  test('P9 somebody who may not be seen any more is gone at once for who watches, and cannot be told from absent', async ({
    one,
    two,
    issuer,
    messages,
    announcer,
  }) => {
    await using ann = await connectClient(one.url, issuer, { userId: 'ann-2' })
    await using gus = await connectClient(two.url, issuer, { userId: 'gus' })
    await watchUntilOnline(ann, 'gus')
    const heard = heardOf(ann, 'gus')
    messages.hidden.add('gus')
    await announcer.order({ kind: 'recheck-presence', userIds: ['gus' as never] })
    await vi.waitUntil(() => heard.length === 1)
    expect(heard).toEqual(['offline'])
    expect(await watch(ann, 'gus')).toMatchObject({ data: { states: [{ userId: 'gus', online: false }] } })
    await gus.ask('app:state', { state: 'background' })
    await gus.ask('app:state', { state: 'foreground' })
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect(heard).toEqual(['offline'])
    messages.hidden.delete('gus')
  })

  test('P9 who blocks somebody at the moment in which they begin to watch is not seen by them', async ({
    one,
    two,
    issuer,
    messages,
    announcer,
    holdVisible,
  }) => {
    await vi.waitUntil(() => one.ctx.subscriber.hears(gatewayOrders))
    await using ann = await connectClient(one.url, issuer)
    await using witness = await connectClient(one.url, issuer)
    await using kim = await connectClient(two.url, issuer, { userId: 'kim' })
    await using lea = await connectClient(two.url, issuer, { userId: 'lea' })
    await watchUntilOnline(witness, 'lea')
    const byAnn = heardOf(ann, 'kim')
    const { asked, letGo } = holdVisible()
    const watching = watch(ann, 'kim', 'lea')
    await asked
    messages.hidden.add('kim')
    await orderRecheck(announcer, 'kim', witness)
    letGo()
    expect(await watching).toMatchObject({
      data: {
        states: [
          { userId: 'kim', online: false },
          { userId: 'lea', online: true },
        ],
      },
    })
    await kim[Symbol.asyncDispose]()
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect([byAnn, lea.socket.connected]).toEqual([[], true])
  })

  test('P10 a watch is refused where rights change faster than they can be asked for', async ({
    one,
    issuer,
    messages,
    announcer,
    holdVisible,
  }) => {
    await vi.waitUntil(() => one.ctx.subscriber.hears(gatewayOrders))
    await using ann = await connectClient(one.url, issuer)
    await using witness = await connectClient(one.url, issuer)
    const stock = messages.handlers['presence/visible']
    // Puts the handler back at the end of the test.
    expect(holdVisible).toBeDefined()
    messages.handlers['presence/visible'] = async (request) => {
      await orderRecheck(announcer, 'restless', witness)
      return stock?.(request) ?? { results: [] }
    }
    expect(await watch(ann, 'restless')).toMatchObject({ error: { code: 'overloaded', retryable: true } })
  })

  test('P9 who blocks somebody before their watch is answered is not seen by them', async ({
    one,
    two,
    issuer,
    messages,
    announcer,
  }) => {
    const userId = `late-${uuid()}`
    await using ann = await connectClient(one.url, issuer)
    await using ben = await connectClient(one.url, issuer)
    await using nia = await connectClient(two.url, issuer, { userId })
    const byBen = heardOf(ben, userId)
    const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    vi.spyOn(one.ctx.subscriber, 'settled').mockImplementationOnce(() => {
      entered.resolve()
      return gate.promise
    })
    const watching = watch(ann, userId)
    await entered.promise
    await watchUntilOnline(ben, userId)
    messages.hidden.add(userId)
    await announcer.order({ kind: 'recheck-presence', userIds: [userId as UserId] })
    // Those who watch are asked for in the order in which they came.
    await vi.waitUntil(() => byBen.includes('offline'))
    gate.resolve()
    expect(await watching).toMatchObject({ data: { states: [{ userId, online: false }] } })
    expect(nia.socket.connected).toBe(true)
  })

  test('P9 a watch that is renewed ends where its user may not be seen any more, though the order was lost', async ({
    one,
    two,
    issuer,
    messages,
  }) => {
    const userId = `unseen-${uuid()}`
    await using ann = await connectClient(one.url, issuer)
    await using mo = await connectClient(two.url, issuer, { userId })
    await watchUntilOnline(ann, userId)
    messages.hidden.add(userId)
    expect(await watch(ann, userId)).toMatchObject({ data: { states: [{ userId, online: false }] } })
    const heard = heardOf(ann, userId)
    await mo[Symbol.asyncDispose]()
    await heardAfter(ann, () => connectClient(two.url, issuer))
    expect(heard).toEqual([])
  })

  test('P9 somebody who may not be seen any more is gone for who watches also where the order was lost', async ({
    start,
    issuer,
    messages,
    ownRedis,
    holdVisible,
  }) => {
    await using node = await start('forgetful', { ...quick, REDIS_URL: ownRedis.url })
    await vi.waitUntil(() => node.ctx.subscriber.hears(gatewayOrders))
    await using ann = await connectClient(node.url, issuer)
    await using ben = await connectClient(node.url, issuer)
    await using ray = await connectClient(node.url, issuer, { userId: 'ray' })
    await watchUntilOnline(ann, 'ray')
    const [byAnn, byBen] = [heardOf(ann, 'ray'), heardOf(ben, 'ray')]
    const { asked, letGo } = holdVisible()
    const watching = watch(ben, 'ray')
    await asked
    messages.hidden.add('ray')
    const healed = new Promise<void>((resolve) =>
      node.ctx.subscriber.on('healed', (channels) => channels.has(gatewayOrders) && resolve()),
    )
    const direct = new Redis(ownRedis.url)
    await direct.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    direct.disconnect()
    await healed
    letGo()
    expect(await watching).toMatchObject({ data: { states: [{ userId: 'ray', online: false }] } })
    await vi.waitUntil(() => byAnn.length === 1)
    expect([byAnn, byBen, ray.socket.connected]).toEqual([['offline'], [], true])
  })

  test('P9 those who saw one another by a group see nobody when it is dissolved', async ({
    one,
    two,
    issuer,
    messages,
    announcer,
  }) => {
    await vi.waitUntil(() => one.ctx.subscriber.hears(gatewayOrders))
    const conversationId = `g-${uuid()}` as ConversationId
    const userId = `fellow-${uuid()}`
    messages.groups.set(userId, [conversationId]).set('sam', [conversationId])
    await using sam = await connectClient(one.url, issuer, { userId: 'sam' })
    await using fellow = await connectClient(two.url, issuer, { userId })
    await watchUntilOnline(sam, userId)
    const heard = heardOf(sam, userId)
    messages.hidden.add(userId)
    await announcer.order({ kind: 'close-room', conversationId })
    await vi.waitUntil(() => heard.length === 1)
    expect([heard, fellow.socket.connected]).toEqual([['offline'], true])
  })

  test('P10 a connection watches so many and no more, and what it does not ask for again it forgets', async ({
    start,
    issuer,
  }) => {
    await using node = await start('bounded', { ...quick, PRESENCE_WATCHES_PER_SOCKET: '3' })
    await using ann = await connectClient(node.url, issuer)
    expect(await watch(ann, 'u1', 'u2', 'u3')).toMatchObject({ ok: true })
    expect(await watch(ann, 'u3', 'u4')).toMatchObject({ error: { code: 'too_large' } })
    await ann.ask('presence:watch', { userIds: ['u1'], watch: false })
    expect(await watch(ann, 'u3', 'u4')).toMatchObject({ ok: true })
    const many = Array.from({ length: 101 }, (_, i) => `u${i}`)
    expect(await watch(ann, ...many)).toMatchObject({ error: { code: 'invalid_request' } })
    expect(await watch(ann)).toMatchObject({ error: { code: 'invalid_request' } })
    const count = async () =>
      Number(
        /parley_gateway_presence_watches\S* (\d+)/.exec(
          await (await fetch(`${node.internalUrl}/metrics`)).text(),
        )?.[1],
      )
    expect(await count()).toBe(3)
    await ann[Symbol.asyncDispose]()
    await vi.waitUntil(async () => (await count()) === 0)
  })

  test('P10 a gateway under load puts presence off while messages flow, and tells it afterwards, once', async ({
    two,
    start,
    issuer,
  }) => {
    let load: LoadSample = { lagMs: 0, memoryPercent: 0 }
    await using node = await start('laden', quick, { measureLoad: () => load })
    await using ann = await connectClient(node.url, issuer)
    await using ben = await connectClient(two.url, issuer)
    const [byAnn, byBen] = [heardOf(ann, 'hal'), heardOf(ben, 'hal')]
    await watch(ann, 'hal')
    await watch(ben, 'hal')
    load = { lagMs: 100_000, memoryPercent: 0 }
    await vi.waitUntil(() => node.ctx.load.isHigh())
    await using hal = await connectClient(two.url, issuer, { userId: 'hal' })
    await vi.waitUntil(() => byBen.length === 1)
    const draft = { clientMessageId: uuid(), to: { userId: 'bob' }, type: 'text', content: { text: 'hi' } }
    expect(await ann.ask('message:send', draft)).toMatchObject({ ok: true })
    expect(await watch(ann, 'ida')).toMatchObject({ error: { code: 'overloaded', retryable: true } })
    expect(byAnn).toEqual([])
    load = { lagMs: 0, memoryPercent: 0 }
    await vi.waitUntil(() => byAnn.length === 1)
    expect([byAnn, byBen]).toEqual([['online'], ['online']])
    expect(hal.socket.connected).toBe(true)
  })
})
