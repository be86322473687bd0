import { randomUUID as uuid } from 'node:crypto'
import { directConversationId, type UserId } from '@parley/shared/ids'
import { createApi, signUp, type Api, type Person } from '@parley/testing/chat-api'
import { describe, expect, vi } from 'vitest'
import { startMessages } from '../src/service.ts'
import { mediaTrouble, readyMedia, test } from './fixture.ts'

const text = (body = 'hi') => ({ clientMessageId: uuid(), type: 'text', content: { text: body } })
const send = (api: Api, from: Person, draft: object) => api.post('/v1/messages', draft, from.token)

async function twoFriends(api: Api) {
  const alice = await signUp(api, 'alice')
  const bob = await signUp(api, 'bob')
  return {
    alice,
    bob,
    conversationId: directConversationId(alice.userId as UserId, bob.userId as UserId) as string,
  }
}

describe('sending a message', () => {
  test("A6.1 the client's own time of sending comes back as it was given; the server's time orders", async ({
    api,
  }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    const given = ['2031-05-04T10:00:00.123456+05:30', '1999-12-31T23:59:59Z', undefined]
    const sent = []
    for (const clientSentAt of given) {
      const draft = { ...text(), to: { userId: bob.userId }, ...(clientSentAt ? { clientSentAt } : {}) }
      sent.push((await send(api, alice, draft)).body)
    }
    const { body } = await api.get(`/v1/conversations/${conversationId}/entries`, bob.token)
    const entries = body['entries'] as unknown as { clientSentAt?: string; sentAt: string }[]
    expect(entries.map(({ clientSentAt }) => clientSentAt)).toEqual(given)
    const times = entries.map(({ sentAt }) => sentAt)
    expect(times).toEqual(times.toSorted())
    expect(sent.map((ack) => ack['sentAt'])).toEqual(times)
  })

  test.for(['yesterday', '2031-05-04', '2031-05-04T10:00:00', `2031-05-04T10:00:00.${'1'.repeat(40)}Z`])(
    'A6.1 a time of sending that is %s is refused and stores nothing',
    async (clientSentAt, { api }) => {
      const { alice, bob, conversationId } = await twoFriends(api)
      const refused = await send(api, alice, { ...text(), to: { userId: bob.userId }, clientSentAt })
      expect(refused).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } })
      const { body } = await api.get(`/v1/conversations/${conversationId}/entries`, bob.token)
      expect(body.error?.code).toBe('forbidden')
    },
  )

  test('P3 numbers messages from one, without gaps, however many arrive at once', async ({ api }) => {
    const { alice, bob } = await twoFriends(api)
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        send(api, i % 2 ? alice : bob, { ...text(), to: { userId: (i % 2 ? bob : alice).userId } }),
      ),
    )
    const seqs = replies.map(({ body }) => Number(body['seq'])).toSorted((a, b) => a - b)
    expect(seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  })

  test('A6.2 P2 the same client message id a hundred times is one entry and a hundred equal replies', async ({
    api,
    config,
    service,
  }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    // A second instance: the first of each may race, and the database decides.
    await using other = await startMessages(config)
    const draft = { ...text(), to: { userId: bob.userId } }
    const apis = [api, createApi(other.url)]
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => send(apis[i % 2] ?? api, alice, draft)),
    )
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(replies.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    const { rows } = await service.ctx.pool.query(
      'select count(*)::int as n from entry where conversation_id = $1',
      [conversationId],
    )
    expect(rows[0].n).toBe(1)
  })

  test('two instances writing to one conversation leave no gap and no double', async ({
    api,
    config,
    service,
  }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    await using other = await startMessages(config)
    const apis = [api, createApi(other.url)]
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        send(apis[i % 2] ?? api, alice, { ...text(String(i)), to: { userId: bob.userId } }),
      ),
    )
    expect(replies.filter(({ status }) => status !== 201)).toEqual([])
    const { rows } = await service.ctx.pool.query(
      'select seq::int, count::int from entry where conversation_id = $1 order by seq',
      [conversationId],
    )
    expect(rows).toEqual(Array.from({ length: 200 }, (_, i) => ({ seq: i + 1, count: i + 1 })))
  })

  test('the same id from another sender is another message', async ({ api }) => {
    const { alice, bob } = await twoFriends(api)
    const draft = text()
    const first = await send(api, alice, { ...draft, to: { userId: bob.userId } })
    const second = await send(api, bob, { ...draft, to: { userId: alice.userId } })
    expect([first.body['seq'], second.body['seq']]).toEqual([1, 2])
  })

  test('P9 a stranger to a conversation is refused, and nothing is stored', async ({ api, service }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    await send(api, alice, { ...text(), to: { userId: bob.userId } })
    const mallory = await signUp(api, 'mallory')
    const refused = await send(api, mallory, { ...text(), to: { conversationId } })
    const unknown = await send(api, mallory, { ...text(), to: { conversationId: `g-${uuid()}` } })
    expect(refused.status).toBe(403)
    expect(unknown.body).toEqual(refused.body)
    const { rows } = await service.ctx.pool.query(
      'select last_seq from conversation where conversation_id = $1',
      [conversationId],
    )
    expect(rows[0].last_seq).toBe(1)
  })

  test('a direct conversation with nobody, or with oneself, is refused', async ({ api }) => {
    const alice = await signUp(api)
    expect(await send(api, alice, { ...text(), to: { userId: 'nobody-at-all' } })).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    })
    expect(await send(api, alice, { ...text(), to: { userId: alice.userId } })).toMatchObject({ status: 400 })
  })

  test('P8 a message refers only to ready media of its sender, and tells what the media service says of it', async ({
    api,
  }) => {
    const { alice, bob } = await twoFriends(api)
    const mediaId = uuid()
    const draft = {
      clientMessageId: uuid(),
      type: 'image',
      content: { mediaId, caption: 'sea' },
      to: { userId: bob.userId },
    }
    expect((await send(api, alice, draft)).body.error?.code).toBe('not_found')
    const facts = {
      mediaId: mediaId as never,
      contentType: 'image/jpeg',
      sizeBytes: 5,
      fileName: 'sea.jpg',
      width: 4,
      height: 3,
    }
    readyMedia.set(mediaId, { ownerId: alice.userId, facts })
    const sent = await send(api, alice, draft)
    expect(sent.status).toBe(201)
    const page = await api.get(`/v1/conversations/${sent.body['conversationId']}/entries`, bob.token)
    expect(page.body['entries']).toMatchObject([{ type: 'image', content: { ...facts, caption: 'sea' } }])
  })

  test('waits for a media service that restarts', async ({ api }) => {
    const { alice, bob } = await twoFriends(api)
    mediaTrouble.awayTimes = 2
    const draft = {
      clientMessageId: uuid(),
      type: 'image',
      content: { mediaId: uuid() },
      to: { userId: bob.userId },
    }
    expect((await send(api, alice, draft)).body.error?.code).toBe('not_found')
    mediaTrouble.awayTimes = 100
    expect((await send(api, alice, draft)).body.error?.code).toBe('unavailable')
    mediaTrouble.awayTimes = 0
  })

  test('is refused within moments where the media service takes questions and answers none', async ({
    api,
  }) => {
    const { alice, bob } = await twoFriends(api)
    let end = () => {}
    mediaTrouble.until = new Promise((resolve) => (end = resolve))
    const to = { userId: bob.userId }
    const photo = { clientMessageId: uuid(), to, type: 'image', content: { mediaId: uuid() } }
    expect((await send(api, alice, photo)).body.error).toMatchObject({ code: 'unavailable', retryable: true })
    end()
    expect((await send(api, alice, photo)).body.error?.code).toBe('not_found')
  })

  test('P10 is refused while too many wait for the media service', async ({ api, rpc }) => {
    const { alice, bob } = await twoFriends(api)
    const call = () =>
      ({
        userId: alice.userId,
        deviceId: alice.deviceId,
        draft: {
          clientMessageId: uuid(),
          to: { userId: bob.userId },
          type: 'image',
          content: { mediaId: uuid() },
        },
      }) as never
    let end = () => {}
    mediaTrouble.until = new Promise((resolve) => (end = resolve))
    mediaTrouble.asked = 0
    const many = rpc.call('messages/send', { sends: Array.from({ length: 256 }, call) })
    await vi.waitUntil(() => mediaTrouble.asked === 256)
    const { results } = await rpc.call('messages/send', { sends: [call()] })
    expect(results).toMatchObject([{ error: { code: 'overloaded', retryable: true } }])
    end()
    const codes = (await many).results.map((result) => (result.ok ? 'ok' : result.error.code))
    expect(new Set(codes)).toEqual(new Set(['not_found']))
  })

  test.for([
    ['text with NUL', { type: 'text', content: { text: 'a\0b' } }, 'invalid_request'],
    ['half a surrogate pair', { type: 'text', content: { text: '\ud83d' } }, 'invalid_request'],
    ['no text', { type: 'text', content: { text: '' } }, 'invalid_request'],
    ['text beyond 16 KB', { type: 'text', content: { text: 'é'.repeat(8_193) } }, 'invalid_request'],
    ['a body beyond the limit', { type: 'text', content: { text: 'x'.repeat(2_000_000) } }, 'too_large'],
    ['an unknown type', { type: 'hologram', content: {} }, 'invalid_request'],
    [
      'a latitude beyond the pole',
      { type: 'location', content: { latitude: 91, longitude: 0 } },
      'invalid_request',
    ],
    [
      'a sender of its own choice',
      { type: 'text', content: { text: 'x' }, senderId: 'somebody' },
      'invalid_request',
    ],
    [
      'content nested too deep',
      { type: 'a.b', content: JSON.parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)) },
      'payload_too_deep',
    ],
  ] as const)('P10 refuses %s with a code, and stores nothing', async ([, part, code], { api, service }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    const reply = await send(api, alice, { clientMessageId: uuid(), to: { userId: bob.userId }, ...part })
    expect(reply.body.error?.code).toBe(code)
    const { rows } = await service.ctx.pool.query('select 1 from entry where conversation_id = $1', [
      conversationId,
    ])
    expect(rows).toEqual([])
  })

  test('A5.2 any script, emoji and an app type of its own come back byte for byte', async ({ api }) => {
    const { alice, bob } = await twoFriends(api)
    const texts = ['Grüße, 你好, שלום, नमस्ते', '👩🏽‍🚀🏳️‍🌈 e\u0301', 'line\nbreak\ttab "quotes" \\ back']
    for (const body of texts) await send(api, alice, { ...text(body), to: { userId: bob.userId } })
    const content = { question: 'Lunch?', options: ['soup', 'Ω'], nested: { deep: [1, null, true] } }
    const last = await send(api, alice, {
      clientMessageId: uuid(),
      type: 'com.example.poll',
      content,
      to: { userId: bob.userId },
    })
    const page = await api.get(`/v1/conversations/${last.body['conversationId']}/entries`, bob.token)
    const entries = page.body['entries'] as unknown as { content: { text?: string } }[]
    expect(entries.slice(0, 3).map((entry) => entry.content.text)).toEqual(texts)
    expect(entries[3]?.content).toEqual(content)
  })

  test('A5.15 data of the app comes back untouched, and more than 4 KB of it is refused and stores nothing', async ({
    api,
  }) => {
    const { alice, bob, conversationId } = await twoFriends(api)
    const ext = { 'Any Key': [1, null, { deep: 'é' }], camelCase: false, snake_case: 0.5 }
    await send(api, alice, { ...text(), to: { userId: bob.userId }, ext })
    const large = { ...text(), to: { userId: bob.userId }, ext: { pad: 'x'.repeat(4_096) } }
    expect((await send(api, alice, large)).body.error?.code).toBe('invalid_request')
    const { body } = await api.get(`/v1/conversations/${conversationId}/entries`, bob.token)
    expect(body['entries']).toHaveLength(1)
    expect(body['entries']).toMatchObject([{ ext }])
  })
})

test('P10 what is refused of a call is refused in its place, and the others are numbered in their order', async ({
  api,
  rpc,
}) => {
  const { alice, bob, conversationId } = await twoFriends(api)
  await send(api, alice, { ...text(), to: { userId: bob.userId } })
  const twice = { ...text('twice'), to: { userId: bob.userId } }
  const drafts = [
    twice,
    { ...text(), to: { userId: alice.userId } },
    { ...text(), to: { userId: bob.userId } },
    { ...text(), to: { conversationId }, replyTo: 'elsewhere.1' },
    twice,
    { ...text(), to: { conversationId: 'g-nowhere' } },
    { ...text(), to: { conversationId } },
  ]
  const sends = drafts.map((draft) => ({ userId: alice.userId, deviceId: alice.deviceId, draft }))
  const { results } = await rpc.call('messages/send', { sends } as never)
  const ok = (seq: number) => ({ ok: true, data: { conversationId, seq } })
  const refused = { ok: false, error: { code: expect.any(String) } }
  expect(results).toMatchObject([ok(2), refused, ok(3), refused, ok(2), refused, ok(4)])
  expect(await rpc.call('messages/send', { sends: [] })).toEqual({ results: [] })
})
