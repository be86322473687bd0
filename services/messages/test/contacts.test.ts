import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { directConversationId, ownConversationId, type UserId } from '@parley/shared/ids'
import type { Contact, ConversationChange, SyncPage } from '@parley/shared/protocol'
import { roomChannel, userRoom } from '@parley/shared/realtime'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { listVisible } from '../src/contacts/store.ts'
import { test } from './fixture.ts'

const people = (api: Api, count: number) => Promise.all(Array.from({ length: count }, () => signUp(api)))

async function pair(api: Api): Promise<[Person, Person]> {
  return [await signUp(api, 'ann'), await signUp(api, 'ben')]
}

const ask = (api: Api, from: Person, to: { userId: string }, greeting?: string) =>
  api.post(
    '/v1/contacts/requests',
    { userId: to.userId, ...(greeting === undefined ? {} : { greeting }) },
    from.token,
  )
const accept = (api: Api, who: Person, whom: { userId: string }) =>
  api.post(`/v1/contacts/${whom.userId}/accept`, {}, who.token)
const block = (api: Api, who: Person, whom: { userId: string }) =>
  api.put(`/v1/contacts/${whom.userId}/block`, {}, who.token)
const unblock = (api: Api, who: Person, whom: { userId: string }) =>
  api.delete(`/v1/contacts/${whom.userId}/block`, who.token)
const say = (api: Api, from: Person, to: { userId: string }, text = 'hi') =>
  api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { userId: to.userId }, type: 'text', content: { text } },
    from.token,
  )

async function befriend(api: Api, a: Person, b: Person): Promise<void> {
  await ask(api, a, b)
  expect((await accept(api, b, a)).body).toMatchObject({ state: 'contact' })
}

type RosterLine = Contact & { displayName?: string; version: number }

async function roster(api: Api, who: Person, query = '') {
  const { status, body } = await api.get(`/v1/contacts${query}`, who.token)
  expect(status).toBe(200)
  return body as unknown as { contacts: RosterLine[]; version: number; complete: boolean }
}

const ownLogOf = (who: Person) => ownConversationId(who.userId as UserId)

async function ownEntries(api: Api, who: Person): Promise<Entry[]> {
  const { body } = await api.get(`/v1/conversations/${ownLogOf(who)}/entries`, who.token)
  return (body['entries'] ?? []) as unknown as Entry[]
}

const typesOf = async (api: Api, who: Person) => (await ownEntries(api, who)).map(({ type }) => type)

describe('the own log', () => {
  test('P3 P5 is a log like any other: numbered, synced, with unread that follows the read mark', async ({
    api,
  }) => {
    const [ann, ben] = await pair(api)
    await ask(api, ann, ben, 'It is me')
    const change = async (): Promise<ConversationChange | undefined> =>
      ((await api.get('/v1/sync', ben.token)).body as unknown as SyncPage).conversations.find(
        ({ conversationId }) => conversationId === ownLogOf(ben),
      )
    expect(await change()).toMatchObject({
      summary: { kind: 'self', userIds: [ben.userId], lastSeq: 1 },
      unread: 1,
      entries: [
        {
          seq: 1,
          kind: 'contact',
          type: 'contact.requested',
          senderId: ann.userId,
          content: { userId: ann.userId, state: 'received', greeting: 'It is me' },
        },
      ],
    })
    await api.put(`/v1/conversations/${ownLogOf(ben)}/receipts/read`, { seq: 1 }, ben.token)
    expect(await change()).toMatchObject({ unread: 0, watermarks: { readSeq: 1 } })
    expect((await ownEntries(api, ann)).map(({ seq, content }) => [seq, content])).toEqual([
      [1, { userId: ben.userId, state: 'requested', blocked: false, greeting: 'It is me' }],
    ])
  })

  test('P9 nobody writes into it and nobody else reads it', async ({ api }) => {
    const [ann, ben] = await pair(api)
    await ask(api, ann, ben)
    for (const who of [ann, ben]) {
      const sent = await api.post(
        '/v1/messages',
        {
          clientMessageId: uuid(),
          to: { conversationId: ownLogOf(ben) },
          type: 'text',
          content: { text: 'x' },
        },
        who.token,
      )
      expect([sent.status, sent.body.error?.code]).toEqual([403, 'forbidden'])
    }
    expect((await api.get(`/v1/conversations/${ownLogOf(ben)}/entries`, ann.token)).status).toBe(403)
    expect(await typesOf(api, ben)).toEqual(['contact.requested'])
  })

  test('P10 no group takes the place of an own log', async ({ api }) => {
    const [ann, ben] = await pair(api)
    const { status } = await api.post(
      '/v1/conversations',
      { conversationId: ownLogOf(ben), name: 'Mine', userIds: [] },
      ann.token,
    )
    expect(status).toBe(400)
  })

  test('P4 a doorbell rings at the devices of its user alone', async ({ api, redisUrl }) => {
    const [ann, ben] = await pair(api)
    const redis = new Redis(redisUrl)
    const heard: [string, string][] = []
    const channels = [ann, ben].map(({ userId }) => roomChannel(userRoom(userId as UserId)))
    await redis.ssubscribe(...channels)
    redis.on('smessage', (channel: string, text: string) => heard.push([channel, text]))
    await ask(api, ann, ben)
    await vi.waitUntil(() => heard.length >= 2)
    for (const [i, who] of [ann, ben].entries()) {
      const texts = heard.filter(([channel]) => channel === channels[i]).map(([, text]) => text)
      expect(texts).toHaveLength(1)
      expect(texts[0]).toContain(ownLogOf(who))
    }
    redis.disconnect()
  })
})

describe('contacts', () => {
  test('A4.3 a request and its answer change both rosters and are told in both logs once', async ({
    api,
  }) => {
    const [ann, ben] = await pair(api)
    expect((await ask(api, ann, ben, 'hello')).body).toMatchObject({ state: 'requested' })
    expect((await ask(api, ann, ben, 'again')).body).toMatchObject({ state: 'requested', greeting: 'hello' })
    await befriend(api, ann, ben)
    expect((await accept(api, ben, ann)).status).toBe(200)
    expect((await roster(api, ann)).contacts).toMatchObject([{ userId: ben.userId, state: 'contact' }])
    expect((await roster(api, ben)).contacts).toMatchObject([{ userId: ann.userId, state: 'contact' }])
    for (const who of [ann, ben])
      expect(await typesOf(api, who)).toEqual(['contact.requested', 'contact.accepted'])
  })

  test('two who ask each other at the same moment become contacts', async ({ api }) => {
    for (let round = 0; round < 10; round++) {
      const [ann, ben] = await pair(api)
      const replies = await Promise.all([ask(api, ann, ben), ask(api, ben, ann)])
      expect(replies.map(({ status }) => status)).toEqual([200, 200])
      for (const who of [ann, ben]) {
        expect((await roster(api, who)).contacts).toMatchObject([{ state: 'contact' }])
        expect(await typesOf(api, who)).toEqual(['contact.requested', 'contact.accepted'])
      }
    }
  })

  test('wishes of many about each other at once leave every pair of rosters in agreement', async ({
    api,
  }) => {
    const all = await people(api, 5)
    const wishes = [
      (a: Person, b: Person) => ask(api, a, b),
      (a: Person, b: Person) => accept(api, a, b),
      (a: Person, b: Person) => api.delete(`/v1/contacts/${b.userId}`, a.token),
      (a: Person, b: Person) => block(api, a, b),
      (a: Person, b: Person) => unblock(api, a, b),
    ]
    const pairs = all.flatMap((a) => all.filter((b) => b !== a).map((b) => [a, b] as const))
    const replies = await Promise.all(
      pairs.flatMap(([a, b], i) => wishes.filter((_, j) => (i + j) % 2 === 0).map((wish) => wish(a, b))),
    )
    expect(replies.filter(({ status }) => status >= 500)).toEqual([])
    const opposite: Record<string, string[]> = {
      contact: ['contact'],
      requested: ['received'],
      received: ['requested'],
    }
    const rosters = new Map<string, RosterLine[]>()
    for (const who of all) rosters.set(who.userId, (await roster(api, who)).contacts)
    for (const [a, b] of pairs) {
      const mine = rosters.get(a.userId)?.find(({ userId }) => userId === b.userId)
      const theirs = rosters.get(b.userId)?.find(({ userId }) => userId === a.userId)
      const expected = opposite[mine?.state ?? 'none']
      if (expected) expect(expected).toContain(theirs?.state)
    }
    for (const who of all) {
      const entries = await ownEntries(api, who)
      expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1))
    }
  })

  test('a declined request is told, and may not be repeated at once', async ({ api }) => {
    const [ann, ben] = await pair(api)
    await ask(api, ann, ben)
    expect((await api.post(`/v1/contacts/${ann.userId}/decline`, {}, ben.token)).status).toBe(200)
    expect((await api.post(`/v1/contacts/${ann.userId}/decline`, {}, ben.token)).status).toBe(200)
    expect(await typesOf(api, ann)).toEqual(['contact.requested', 'contact.declined'])
    const again = await ask(api, ann, ben)
    expect([again.status, again.body.error?.code]).toEqual([429, 'rate_limited'])
    expect((await ask(api, ben, ann)).body).toMatchObject({ state: 'requested' })
  })

  test('a request that is taken back may not be made again at once, while the other may ask at any time', async ({
    api,
  }) => {
    const [ann, ben] = await pair(api)
    await ask(api, ann, ben, 'first words')
    expect((await api.delete(`/v1/contacts/${ben.userId}`, ann.token)).body).toMatchObject({ state: 'none' })
    const again = await ask(api, ann, ben, 'more words')
    expect([again.status, again.body.error?.code]).toEqual([429, 'rate_limited'])
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(23 * 3_600)
    const alerts = async () =>
      (await ownEntries(api, ben)).filter(
        ({ type, counted }) => type === 'contact.requested' && counted !== false,
      )
    expect(await alerts()).toMatchObject([{ content: { greeting: 'first words' } }])
    await befriend(api, ben, ann)
  })

  test('A4.5 who is deleted is told, and the roster’s pull tells of removals and changes since a version', async ({
    api,
  }) => {
    const [ann, ben, cat] = await people(api, 3)
    if (!ann || !ben || !cat) return expect.unreachable()
    await befriend(api, ann, ben)
    await befriend(api, ann, cat)
    const first = await roster(api, ben)
    expect(first).toMatchObject({ contacts: [{ userId: ann.userId, state: 'contact' }], complete: true })
    expect(first.version).toBe((await ownEntries(api, ben)).at(-1)?.seq)
    expect(await roster(api, ben, `?since=${first.version}`)).toEqual({
      contacts: [],
      version: first.version,
      complete: true,
    })
    expect((await api.patch(`/v1/contacts/${cat.userId}`, { remark: 'Kitty' }, ann.token)).status).toBe(200)
    expect((await api.delete(`/v1/contacts/${ben.userId}`, ann.token)).body).toMatchObject({
      state: 'removed',
    })
    expect(await roster(api, ben, `?since=${first.version}`)).toMatchObject({
      contacts: [{ userId: ann.userId, state: 'removed' }],
    })
    expect((await roster(api, ann)).contacts).toMatchObject([
      { userId: cat.userId, state: 'contact', remark: 'Kitty' },
    ])
    expect((await typesOf(api, ben)).at(-1)).toBe('contact.removed')
    expect(await typesOf(api, cat)).toEqual(['contact.requested', 'contact.accepted'])
  })

  test('A4.4 a roster is paged, and what changes meanwhile comes in a later page', async ({ api }) => {
    const [ann, ...others] = await people(api, 6)
    if (!ann) return expect.unreachable()
    for (const other of others) await befriend(api, ann, other)
    const pages = [await roster(api, ann, '?limit=2')]
    await api.delete(`/v1/contacts/${others[0]?.userId}`, ann.token)
    while (!pages.at(-1)?.complete)
      pages.push(await roster(api, ann, `?limit=2&since=${pages.at(-1)?.version}`))
    const told = new Map(
      pages.flatMap(({ contacts }) => contacts.map(({ userId, state }) => [userId, state])),
    )
    expect(told).toEqual(new Map(others.map(({ userId }, i) => [userId, i === 0 ? 'removed' : 'contact'])))
  })

  test('A4.1 nobody asks more people in an hour than the limit', async ({ api, service }) => {
    const [ann, ben] = await pair(api)
    const crowd = Array.from({ length: 60 }, () => `crowd-${uuid()}`)
    await service.ctx.pool.query(
      `insert into account (user_id, password_hash) select unnest($1::text[]), 'x'`,
      [crowd],
    )
    const replies = await Promise.all(crowd.map((userId) => ask(api, ann, { userId })))
    expect(replies.filter(({ status }) => status !== 200)).toEqual([])
    const more = await ask(api, ann, ben)
    expect([more.status, more.body.error?.code]).toEqual([429, 'rate_limited'])
    expect(await ownEntries(api, ben)).toEqual([])
  })

  test('P10 nobody has more open requests than the limit', async ({ api, pool }) => {
    const [ann, ben] = await pair(api)
    await pool.query(
      `with crowd as (
         insert into account (user_id, password_hash) select $1 || '-' || i, 'x' from generate_series(1, 1000) i returning user_id
       )
       insert into contact (user_id, other_id, state, blocked, seq)
       select $1, user_id, 'received', false, row_number() over () from crowd`,
      [ben.userId],
    )
    const reply = await ask(api, ann, ben)
    expect([reply.status, reply.body.error?.code]).toEqual([409, 'conflict'])
    expect(await ownEntries(api, ben)).toEqual([])
    expect((await roster(api, ann)).contacts).toEqual([])
  })

  test('P10 nobody floods own logs with changes', async ({ api }) => {
    const [ann, ben] = await pair(api)
    const replies = await Promise.all(
      Array.from({ length: 120 }, (_, i) => (i % 2 ? unblock(api, ann, ben) : block(api, ann, ben))),
    )
    expect(replies.find(({ status }) => status === 429)?.body.error?.code).toBe('rate_limited')
  })

  test.for([
    ['nobody', { userId: 'nobody-at-all' }, 404, 'not_found'],
    ['a user id of the wrong shape', { userId: 'no spaces' }, 400, 'invalid_request'],
    ['no user', {}, 400, 'invalid_request'],
    ['an empty greeting', { userId: 'x', greeting: ' ' }, 400, 'invalid_request'],
    ['too long a greeting', { userId: 'x', greeting: 'x'.repeat(257) }, 400, 'invalid_request'],
    ['something else besides', { userId: 'x', admin: true }, 400, 'invalid_request'],
  ] as const)('P10 a request to %s is refused', async ([, body, status, code], { api }) => {
    const ann = await signUp(api)
    const reply = await api.post('/v1/contacts/requests', body, ann.token)
    expect([reply.status, reply.body.error?.code]).toEqual([status, code])
    expect(await ownEntries(api, ann)).toEqual([])
  })

  test('P10 every other bad wish has its code and stores nothing', async ({ api }) => {
    const [ann, ben] = await pair(api)
    const code = async (reply: Promise<{ status: number; body: { error?: { code: string } } }>) =>
      (await reply).body.error?.code
    expect(await code(ask(api, ann, ann))).toBe('invalid_request')
    expect(await code(accept(api, ann, ben))).toBe('conflict')
    expect(await code(api.patch(`/v1/contacts/${ben.userId}`, { remark: 'x' }, ann.token))).toBe('conflict')
    expect(await code(api.patch(`/v1/contacts/${ben.userId}`, { remark: 7 }, ann.token))).toBe(
      'invalid_request',
    )
    expect(await code(block(api, ann, { userId: 'nobody-at-all' }))).toBe('not_found')
    expect(await code(api.get('/v1/contacts?since=-1', ann.token))).toBe('invalid_request')
    expect(await code(api.get('/v1/contacts?limit=501', ann.token))).toBe('invalid_request')
    expect(await code(api.get('/v1/contacts'))).toBe('unauthenticated')
    expect(await ownEntries(api, ann)).toEqual([])
    expect(await ownEntries(api, ben)).toEqual([])
  })
})

describe('a block', () => {
  test('P9 stops sends and requests in both directions at once, and lifting it lets them through', async ({
    api,
  }) => {
    const [ann, ben] = await pair(api)
    await befriend(api, ann, ben)
    expect((await say(api, ann, ben)).status).toBe(201)
    expect((await block(api, ben, ann)).body).toMatchObject({ state: 'contact', blocked: true })
    for (const [from, to] of [
      [ann, ben],
      [ben, ann],
    ] as const)
      expect((await say(api, from, to)).body.error?.code).toBe('forbidden')
    expect((await roster(api, ann)).contacts).toMatchObject([{ state: 'contact', blocked: false }])
    expect(await typesOf(api, ann)).not.toContain('contact.blocked')
    expect((await unblock(api, ben, ann)).body).toMatchObject({ blocked: false })
    expect((await say(api, ann, ben)).body).toMatchObject({ seq: 2 })
  })

  test('P9 holds where the two have never talked, and for requests', async ({ api }) => {
    const [ann, ben] = await pair(api)
    await block(api, ben, ann)
    expect((await say(api, ann, ben)).body.error?.code).toBe('forbidden')
    expect((await say(api, ben, ann)).body.error?.code).toBe('forbidden')
    expect((await ask(api, ann, ben)).body.error?.code).toBe('forbidden')
    expect((await ask(api, ben, ann)).body.error?.code).toBe('conflict')
    expect(await ownEntries(api, ann)).toEqual([])
  })

  test('P9 no send commits after a block does, however many are under way', async ({ api, service }) => {
    const [ann, ben] = await pair(api)
    for (let round = 0; round < 5; round++) {
      const sends = Promise.all(Array.from({ length: 20 }, () => say(api, ann, ben)))
      await block(api, ben, ann)
      const before = await lastSeqOf(service.ctx.pool, ann, ben)
      const replies = await sends
      expect(await lastSeqOf(service.ctx.pool, ann, ben)).toBe(before)
      expect(replies.filter(({ status }) => status !== 201 && status !== 403)).toEqual([])
      await unblock(api, ben, ann)
    }
  })

  test('P9 a first message and a block at the same moment leave no way past the block', async ({ api }) => {
    for (let round = 0; round < 15; round++) {
      const [ann, ben] = await pair(api)
      await Promise.all([say(api, ann, ben), block(api, ben, ann)])
      expect((await say(api, ann, ben)).body.error?.code).toBe('forbidden')
    }
  })
})

describe('who takes messages of contacts only', () => {
  const guarded = async (api: Api) => {
    const [ann, ben] = await pair(api)
    expect((await api.patch('/v1/me', { messagesFrom: 'contacts' }, ben.token)).status).toBe(200)
    return [ann, ben] as const
  }

  test('A4.7 P9 hears nothing of strangers, everything of contacts, and nothing again of who was one', async ({
    api,
  }) => {
    const [ann, ben] = await guarded(api)
    expect((await say(api, ann, ben)).body.error?.code).toBe('forbidden')
    expect((await api.get('/v1/sync', ann.token)).body['conversations']).toEqual([])
    await befriend(api, ann, ben)
    expect((await say(api, ann, ben)).body).toMatchObject({ seq: 1 })
    await api.delete(`/v1/contacts/${ann.userId}`, ben.token)
    expect((await say(api, ann, ben)).body.error?.code).toBe('forbidden')
  })

  test('P9 may write first, and then hears the answer', async ({ api }) => {
    const [ann, ben] = await guarded(api)
    expect((await say(api, ben, ann)).status).toBe(201)
    expect((await say(api, ann, ben)).body).toMatchObject({ seq: 2 })
  })

  test('P9 hears a contact who was accepted at the very moment of the first message', async ({ api }) => {
    for (let round = 0; round < 10; round++) {
      const [ann, ben] = await guarded(api)
      await ask(api, ann, ben)
      await Promise.all([accept(api, ben, ann), say(api, ann, ben)])
      expect((await say(api, ann, ben)).status).toBe(201)
    }
  })
})

describe('who may see whom', () => {
  test('P9 contacts and people of one conversation, unless one of them blocks', async ({ api, service }) => {
    const [ann, ben, cat, eve] = await people(api, 4)
    if (!ann || !ben || !cat || !eve) return expect.unreachable()
    await befriend(api, ann, ben)
    await say(api, cat, ann)
    const all = [ben, cat, eve].map(({ userId }) => userId)
    expect(await listVisible(service.ctx.db, ann.userId, all)).toEqual(new Set([ben.userId, cat.userId]))
    await block(api, ben, ann)
    expect(await listVisible(service.ctx.db, ann.userId, all)).toEqual(new Set([cat.userId]))
    expect(await listVisible(service.ctx.db, ben.userId, [ann.userId])).toEqual(new Set())
  })
})

async function lastSeqOf(
  pool: { query: (text: string, values: unknown[]) => Promise<{ rows: { last_seq: number }[] }> },
  a: Person,
  b: Person,
): Promise<number> {
  const { rows } = await pool.query('select last_seq from conversation where conversation_id = $1', [
    directConversationId(a.userId as UserId, b.userId as UserId),
  ])
  return rows[0]?.last_seq ?? 0
}
