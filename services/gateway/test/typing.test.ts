import type { ConversationId, UserId } from '@parley/shared/ids'
import { encodeEvent, gatewayOrders, userRoom } from '@parley/shared/realtime'
import { describe, expect, vi } from 'vitest'
import type { LoadSample } from '../src/load/load.ts'
import { connectClient, test, type TestClient } from './fixture.ts'

const draft = { clientMessageId: 'c1', to: { userId: 'bob' }, type: 'text', content: { text: 'hi' } }

/** Remembers who types, by what a client hears. */
function typingHeardBy({ socket }: TestClient) {
  const heard: unknown[] = []
  socket.on('typing:changed', (payload) => heard.push(payload))
  return heard
}

describe('typing', () => {
  test('reaches the other members on every node and transport, says when it ends, and not the sockets of who types', async ({
    a,
    b,
    issuer,
    messages,
  }) => {
    for (const userId of ['ann', 'ben', 'cid']) messages.groups.set(userId, ['g-typing' as never])
    await using ann = await connectClient(a.url, issuer, { userId: 'ann' })
    await using tablet = await connectClient(b.url, issuer, { userId: 'ann' })
    await using ben = await connectClient(b.url, issuer, { userId: 'ben' })
    await using cid = await connectClient(a.url, issuer, { userId: 'cid', transports: ['polling'] })
    const [own, other, byBen, byCid] = [ann, tablet, ben, cid].map(typingHeardBy)
    const asked = messages.seen.typing
    for (const typing of [true, false])
      expect(await ann.ask('typing:set', { conversationId: 'g-typing', typing })).toMatchObject({
        ok: true,
        data: { relayed: true },
      })
    const news = (typing: boolean) => ({
      conversationId: 'g-typing',
      userId: 'ann',
      typing,
      expiresInMs: 6_000,
    })
    await vi.waitUntil(() => byBen?.length === 2 && byCid?.length === 2)
    expect([byBen, byCid]).toEqual([
      [news(true), news(false)],
      [news(true), news(false)],
    ])
    expect([own, other]).toEqual([[], []])
    expect(messages.seen.typing - asked).toBe(1)
  })

  test('P9 is refused where the user may not write', async ({ a, issuer }) => {
    await using mallory = await connectClient(a.url, issuer)
    expect(await mallory.ask('typing:set', { conversationId: 'not-mine', typing: true })).toMatchObject({
      ok: false,
      error: { code: 'forbidden' },
    })
  })

  test('P9 is asked about anew after the user was put out', async ({ a, issuer, messages, announcer }) => {
    messages.groups.set('outcast', ['g-out' as never])
    await using outcast = await connectClient(a.url, issuer, { userId: 'outcast' })
    const type = () => outcast.ask('typing:set', { conversationId: 'g-out', typing: true })
    await type()
    const asked = messages.seen.typing
    await announcer.order({ kind: 'leave', userIds: ['outcast' as never], conversationId: 'g-out' as never })
    await vi.waitUntil(async () => {
      await type()
      return messages.seen.typing > asked
    })
  })

  test('P9 is asked about anew after the user was put out while messages was being asked', async ({
    a,
    issuer,
    messages,
    announcer,
  }) => {
    const [userId, conversationId] = ['leaver' as UserId, 'g-leaver' as ConversationId]
    await vi.waitUntil(() => a.ctx.subscriber.hears(gatewayOrders))
    await using leaver = await connectClient(a.url, issuer, { userId })
    await using witness = await connectClient(a.url, issuer)
    const type = () => leaver.ask('typing:set', { conversationId, typing: true })
    const stock = messages.handlers['typing/audience']
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    messages.handlers['typing/audience'] = async (request) => {
      const answer = await stock?.(request)
      asked.resolve()
      await gate.promise
      return answer ?? { results: [] }
    }
    const typing = type()
    await asked.promise
    if (stock) messages.handlers['typing/audience'] = stock
    const followed = new Promise((resolve) => witness.socket.once('log:stale', resolve))
    await announcer.order({ kind: 'leave', userIds: [userId], conversationId })
    await announcer.ring([
      { room: userRoom(witness.userId), text: encodeEvent('log:stale', { withinMs: 1 }) },
    ])
    await followed
    gate.resolve()
    await typing
    const before = messages.seen.typing
    await type()
    expect(messages.seen.typing - before).toBe(1)
  })

  test('is not told in a crowd, and the answer says so', async ({ a, issuer }) => {
    await using ann = await connectClient(a.url, issuer)
    expect(await ann.ask('typing:set', { conversationId: 'crowd', typing: true })).toMatchObject({
      ok: true,
      data: { relayed: false },
    })
  })

  test('P10 has a rate of its own, and leaves the rate of everything else alone', async ({
    start,
    issuer,
  }) => {
    await using node = await start('typist', {
      TYPING_PER_SECOND: '1',
      TYPING_BURST: '2',
      REQUESTS_PER_SECOND: '1',
      REQUESTS_BURST: '2',
    })
    await using ann = await connectClient(node.url, issuer)
    const type = () => ann.ask('typing:set', { conversationId: 'c', typing: true })
    expect([(await type()).ok, (await type()).ok]).toEqual([true, true])
    expect(await type()).toMatchObject({ error: { code: 'rate_limited', retryAfterMs: expect.any(Number) } })
    expect(await ann.ask('log:sync', {})).toMatchObject({ ok: true })
  })

  test('P10 a gateway under load leaves out typing, sent from it or to it, while messages flow', async ({
    start,
    b,
    issuer,
    messages,
    announcer,
  }) => {
    let load: LoadSample = { lagMs: 0, memoryPercent: 0 }
    await using node = await start('loaded', {}, { measureLoad: () => load })
    for (const userId of ['dan', 'eve']) messages.groups.set(userId, ['g-load' as never])
    await using dan = await connectClient(node.url, issuer, { userId: 'dan' })
    await using eve = await connectClient(b.url, issuer, { userId: 'eve' })
    const [byDan, byEve] = [typingHeardBy(dan), typingHeardBy(eve)]
    const type = (client: TestClient) => client.ask('typing:set', { conversationId: 'g-load', typing: true })
    await type(dan)
    await type(eve)
    await vi.waitUntil(() => byDan.length === 1 && byEve.length === 1)

    load = { lagMs: 100_000, memoryPercent: 0 }
    await vi.waitUntil(() => node.ctx.load.isHigh())
    const entries: unknown[] = []
    dan.socket.on('entry:new', (payload) => entries.push(payload))
    expect(await type(dan)).toMatchObject({ ok: true, data: { relayed: false } })
    expect(await type(eve)).toMatchObject({ ok: true, data: { relayed: true } })
    expect(await dan.ask('message:send', draft)).toMatchObject({ ok: true })
    // On the same channel, behind the typing that is left out.
    await announcer.ring([{ room: 'c:g-load', text: encodeEvent('entry:new', {} as never) }])
    await vi.waitUntil(() => entries.length === 1)
    expect([byDan.length, byEve.length]).toEqual([1, 1])

    load = { lagMs: 0, memoryPercent: 99 }
    await vi.waitUntil(() => node.ctx.load.isHigh())
    expect(await type(dan)).toMatchObject({ data: { relayed: false } })

    load = { lagMs: 0, memoryPercent: 0 }
    await vi.waitUntil(() => !node.ctx.load.isHigh())
    await type(eve)
    await vi.waitUntil(() => byDan.length === 2)
  })
})
