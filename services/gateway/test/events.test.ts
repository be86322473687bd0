import { randomUUID as uuid } from 'node:crypto'
import { once } from 'node:events'
import { AppError } from '@parley/shared/errors'
import { type Sent, toBatchReply } from '@parley/shared/rpc'
import { startInternalPeer } from '@parley/testing/internal-peer'
import { describe, expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { connectClient, createMessagesDouble, secret, test, type TestClient } from './fixture.ts'

const draft = (text = 'hi', clientMessageId = 'c1') => ({
  clientMessageId,
  to: { userId: 'bob' },
  type: 'text',
  content: { text },
})

describe('whatever a client emits', () => {
  test('A5.11 A6.7 a send is answered with what messages committed, and the sender comes from the token', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    const reply = await alice.ask('message:send', draft())
    expect(reply).toMatchObject({ ok: true, data: { conversationId: 'c', seq: expect.any(Number) } })
    expect(messages.seen.sends.at(-1)).toMatchObject({ userId: alice.userId, draft: draft() })
  })

  test('a send with media, about which somebody is asked first, goes beside the others, and nobody waits for it', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    const answer = messages.handlers['messages/send']
    let endOfPhoto = () => {}
    const photoMayEnd = new Promise<void>((resolve) => (endOfPhoto = resolve))
    messages.handlers['messages/send'] = async (request) => {
      const reply = (await answer?.(request)) ?? { results: [] }
      if (request.sends.some(({ draft: { type } }) => type === 'image')) await photoMayEnd
      return reply
    }
    try {
      const photo = { ...draft(), type: 'image', content: { mediaId: uuid() } }
      const photos = [1, 2, 3].map(() => alice.ask('message:send', photo))
      for (const text of ['one', 'two', 'three'])
        expect(await alice.ask('message:send', draft(text))).toMatchObject({ ok: true })
      endOfPhoto()
      const ok = { ok: true, data: { conversationId: 'c' } }
      expect(await Promise.all(photos)).toMatchObject([ok, ok, ok])
    } finally {
      if (answer) messages.handlers['messages/send'] = answer
    }
  })

  test('what users ask that takes long holds up nothing that the gateway asks for everybody', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    const answer = messages.handlers['events/ask']
    let end = () => {}
    const mayEnd = new Promise<void>((resolve) => (end = resolve))
    const slow = { asked: 0 }
    messages.handlers['events/ask'] = async (request) => {
      slow.asked++
      await mayEnd
      return answer?.(request)
    }
    try {
      const replies = Array.from({ length: 100 }, () =>
        alice.ask('log:read', { conversationId: 'c', after: 0 }),
      )
      // As many as there are connections for them.
      await vi.waitUntil(() => slow.asked === 64)
      await using bob = await connectClient(a.url, issuer)
      expect(await bob.ask('receipt:read', { conversationId: 'c', seq: 1 })).toMatchObject({ ok: true })
      end()
      for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ ok: true })
    } finally {
      end()
      if (answer) messages.handlers['events/ask'] = answer
    }
  })

  test('an instance of messages that could not ask somebody else about a send is not away', async ({
    start,
    issuer,
  }) => {
    await using opened = new AsyncDisposableStack()
    const doubles = [createMessagesDouble(), createMessagesDouble()]
    const askedBeside = [0, 0]
    for (const [i, { handlers }] of doubles.entries()) {
      const answer = handlers['messages/send']
      handlers['messages/send'] = async (request) => {
        if (!request.sends.some(({ draft: { type } }) => type === 'image'))
          return (await answer?.(request)) ?? { results: [] }
        askedBeside[i] = (askedBeside[i] ?? 0) + 1
        return toBatchReply<Sent>(
          request.sends.map(
            () => new AppError('unavailable', 'the media service gave no answer', { everywhere: true }),
          ),
        )
      }
    }
    const peers = await Promise.all(
      doubles.map(async ({ handlers }) => opened.use(await startInternalPeer({ secret, handlers }))),
    )
    const node = opened.use(await start('b', { MESSAGES_URLS: peers.map(({ url }) => url).join(',') }))
    await using alice = await connectClient(node.url, issuer)
    const heardBy = () => doubles.map(({ seen }) => seen.sends.length)
    for (const text of ['one', 'two']) {
      const photo = { ...draft(text), type: 'image', content: { mediaId: uuid() } }
      expect(await alice.ask('message:send', photo)).toMatchObject({ error: { code: 'unavailable' } })
      await alice.ask('message:send', draft(text))
    }
    const preferred = heardBy().indexOf(2)
    expect(heardBy()[1 - preferred]).toBe(0)
    expect(askedBeside[preferred]).toBe(2)
    expect(askedBeside[1 - preferred]).toBe(0)
  })

  test.for([
    ['an event nobody knows', 'no:such', {}, 'unknown_event'],
    ['the name of a built-in', 'constructor', {}, 'unknown_event'],
    ['a text where an object belongs', 'message:send', 'hi', 'invalid_request'],
    ['nothing at all', 'message:send', undefined, 'invalid_request'],
    ['a number as text', 'message:send', draft(7 as never), 'invalid_request'],
    ['a sender of its own choice', 'message:send', { ...draft(), senderId: 'eve' }, 'invalid_request'],
    [
      'a key that reaches for prototypes',
      'message:send',
      JSON.parse('{"__proto__":{"polluted":true}}'),
      'invalid_request',
    ],
    ['NUL in a text', 'message:send', draft('a\0b'), 'invalid_request'],
    ['half a surrogate pair', 'message:send', draft('\udc00'), 'invalid_request'],
    [
      'a list beyond any use',
      'message:send',
      { ...draft(), mentions: Array.from({ length: 1_001 }, () => 'a') },
      'too_large',
    ],
    ['a negative seq', 'receipt:read', { conversationId: 'c', seq: -1 }, 'invalid_request'],
    ['a seq beyond exact numbers', 'receipt:read', { conversationId: 'c', seq: 2 ** 53 }, 'invalid_request'],
    [
      "someone else's conversation",
      'message:send',
      { ...draft(), to: { conversationId: 'not-mine' } },
      'forbidden',
    ],
  ] as const)('P10 %s is answered with a code', async ([, event, payload, code], { a, issuer }) => {
    await using mallory = await connectClient(a.url, issuer)
    // After its first send a connection's sends come in by a way of their own.
    for (let round = 0; round < 2; round++) {
      expect(await mallory.ask(event, payload)).toMatchObject({ ok: false, error: { code } })
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
      expect(await mallory.ask('message:send', draft())).toMatchObject({ ok: true })
    }
  })

  test('P10 JSON nested five thousand deep is answered with a code', async ({ a, issuer }) => {
    await using mallory = await connectClient(a.url, issuer)
    // Written by hand: no client library would build it.
    const raw = new WebSocket(`${a.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
    const heard: string[] = []
    raw.on('message', (data: Buffer) => heard.push(data.toString()))
    await once(raw, 'open')
    raw.send(`40${JSON.stringify({ token: await issuer.sign({ userId: 'deep' }) })}`)
    await vi.waitUntil(() => heard.some((text) => text.startsWith('40')))
    const deep = `["message:send",{"content":${'['.repeat(5_000)}${']'.repeat(5_000)}}]`
    raw.send(`421${deep}`)
    raw.send(`422${JSON.stringify(['message:send', draft()])}`)
    await vi.waitUntil(() => heard.some((text) => text.startsWith('432[{"ok":true')))
    raw.send(`423${deep}`)
    for (const ackId of [1, 3]) {
      const answer = () => heard.find((text) => text.startsWith(`43${ackId}`))
      await vi.waitUntil(answer)
      expect(answer()).toContain('payload_too_deep')
    }
    raw.close()
    expect(await mallory.ask('message:send', draft())).toMatchObject({ ok: true })
  })

  test('P1 many sends of one moment arrive in their order, also those whose sender is gone right after', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    for (let i = 0; i < 50; i++)
      alice.socket.emit('message:send', draft('hi', `before-leaving-${i}`), () => undefined)
    alice.socket.disconnect()
    const sent = () =>
      messages.seen.sends
        .filter(({ userId }) => userId === alice.userId)
        .map((call) => call.draft.clientMessageId)
    await vi.waitUntil(() => sent().length === 50)
    expect(sent()).toEqual(Array.from({ length: 50 }, (_, i) => `before-leaving-${i}`))
  })

  test('P1 sends that do not wait for the call before theirs arrive after it, in their order', async ({
    start,
    issuer,
    messages,
  }) => {
    await using node = await start('in-line', { SENDS_PER_SECOND: '1000', SENDS_BURST: '1000' })
    await using alice = await connectClient(node.url, issuer)
    const stock = messages.handlers['messages/send']
    const gate = Promise.withResolvers<void>()
    const calls: string[][] = []
    messages.handlers['messages/send'] = async (request) => {
      calls.push(request.sends.map((call) => call.draft.clientMessageId))
      await gate.promise
      return stock?.(request) ?? { results: [] }
    }
    const ids = Array.from({ length: 400 }, (_, i) => `in-line-${i}`)
    const replies = [alice.ask('message:send', draft('hi', ids[0]))]
    await vi.waitUntil(() => calls.length === 1)
    for (const id of ids.slice(1)) replies.push(alice.ask('message:send', draft('hi', id)))
    await vi.waitUntil(() => calls.length === 2)
    // A third would be worth it, and is not begun.
    await alice.ask('log:sync', {})
    expect(calls).toHaveLength(2)
    gate.resolve()
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ ok: true })
    if (stock) messages.handlers['messages/send'] = stock
    expect(calls.flat()).toEqual(ids)
    expect(calls[1]?.length).toBeGreaterThanOrEqual(128)
  })

  test('P10 an event without an acknowledgement is refused out loud, and nothing is done', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    await alice.ask('message:send', draft())
    const before = messages.seen.sends.length
    const refused = new Promise((resolve) => alice.socket.once('request:refused', resolve))
    alice.socket.emit('message:send', draft('lost'))
    expect(await refused).toMatchObject({ event: 'message:send', error: { code: 'ack_required' } })
    expect(messages.seen.sends).toHaveLength(before)
  })

  test('P10 two payloads, or a string where the acknowledgement belongs, do no harm', async ({
    a,
    issuer,
  }) => {
    await using mallory = await connectClient(a.url, issuer)
    await mallory.ask('message:send', draft())
    mallory.socket.emit('message:send', draft(), 'not a function')
    expect(await mallory.ask('message:send', draft(), draft())).toMatchObject({
      ok: false,
      error: { code: 'invalid_request' },
    })
    expect(await mallory.ask('message:send', draft())).toMatchObject({ ok: true })
  })

  test('P10 a frame beyond the limit closes that socket with 1009 and no other', async ({ a, issuer }) => {
    await using alice = await connectClient(a.url, issuer)
    await using mallory = await connectClient(a.url, issuer)
    const closed = new Promise<[string, { context?: { code?: number } }]>((resolve) =>
      mallory.socket.once('disconnect', (...args) => resolve(args as never)),
    )
    mallory.socket.emit('message:send', draft('x'.repeat(2_000_000)), () => undefined)
    const [, details] = await closed
    expect(details.context?.code).toBe(1009)
    expect(await alice.ask('message:send', draft())).toMatchObject({ ok: true })
  })

  test('P10 a sender beyond the rate is told to wait, on both of its sockets', async ({ start, issuer }) => {
    await using node = await start('slow', { SENDS_PER_SECOND: '1', SENDS_BURST: '3' })
    await using phone = await connectClient(node.url, issuer, { userId: 'fast' })
    await using tablet = await connectClient(node.url, issuer, { userId: 'fast' })
    for (let i = 0; i < 3; i++) expect(await phone.ask('message:send', draft())).toMatchObject({ ok: true })
    for (const client of [phone, tablet]) {
      expect(await client.ask('message:send', draft())).toMatchObject({
        ok: false,
        error: { code: 'rate_limited', retryable: true, retryAfterMs: expect.any(Number) },
      })
    }
  })

  test('P10 a sender beyond the rate gains nothing by connecting again', async ({ start, issuer }) => {
    await using node = await start('again', { SENDS_PER_SECOND: '1', SENDS_BURST: '40' })
    const identity = { userId: 'eager', deviceId: uuid() }
    const sendAll = async (client: TestClient) => {
      const answers = await Promise.all(Array.from({ length: 40 }, () => client.ask('message:send', draft())))
      return answers.filter(({ ok }) => ok).length
    }
    const before = await connectClient(node.url, issuer, identity)
    expect(await sendAll(before)).toBe(40)
    await before[Symbol.asyncDispose]()
    await vi.waitUntil(() => node.ctx.registry.connections === 0)
    await using after = await connectClient(node.url, issuer, identity)
    expect(await sendAll(after)).toBeLessThan(40)
  })

  test('P10 a flood of refused requests closes the socket with 4429', async ({ start, issuer }) => {
    await using node = await start('flooded', { REQUESTS_PER_SECOND: '1', REQUESTS_BURST: '1' })
    await using mallory = await connectClient(node.url, issuer)
    const closing = new Promise((resolve) => mallory.socket.once('session:closing', resolve))
    for (let i = 0; i < 600; i++) mallory.socket.emit('no:such', {}, () => undefined)
    expect(await closing).toMatchObject({ code: 4429 })
  })

  test('a hundred delivery acknowledgements of one conversation are one mark', async ({
    a,
    issuer,
    messages,
  }) => {
    await using alice = await connectClient(a.url, issuer)
    const before = messages.seen.marks.length
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        alice.ask('receipt:deliver', { conversationId: 'c', seq: i + 1 }),
      ),
    )
    expect(replies.filter(({ ok }) => !ok)).toEqual([])
    expect(messages.seen.marks.length - before).toBeLessThan(5)
  })
})
