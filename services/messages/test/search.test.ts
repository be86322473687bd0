import { randomUUID as uuid } from 'node:crypto'
import { createLogger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { sql } from 'kysely'
import { expect, vi } from 'vitest'
import { indexSome } from '../src/search/index-some.ts'
import { holdIndex } from '../src/search/index-store.ts'
import { startIndexer } from '../src/search/indexer.ts'
import { test as base } from './fixture.ts'
import { indexed } from './searching.ts'

interface Sent {
  conversationId: string
  messageId: string
}

const test = base.extend('pair', async ({ api }) => ({
  ann: await signUp(api, 'ann'),
  ben: await signUp(api, 'ben'),
}))

async function say(api: Api, from: Person, to: object, text: string, more: object = {}): Promise<Sent> {
  const draft = { clientMessageId: uuid(), to, type: 'text', content: { text }, ...more }
  return (await api.post('/v1/messages', draft, from.token)).body as unknown as Sent
}

async function search(api: Api, who: Person, words: string, more: Record<string, string> = {}) {
  const query = new URLSearchParams({ words, ...more })
  return api.get(`/v1/messages/search?${query.toString()}`, who.token)
}

async function found(
  api: Api,
  who: Person,
  words: string,
  more: Record<string, string> = {},
): Promise<string[]> {
  const { body } = await search(api, who, words, more)
  return (body['messages'] as unknown as { messageId: string }[]).map(({ messageId }) => messageId)
}

test('A5.1 a message is found by both people, with where it is and what to mark', async ({
  service,
  api,
  pair,
}) => {
  const sent = await say(api, pair.ann, { userId: pair.ben.userId }, '明天在东京都见面, ok?')
  await indexed(service.ctx)
  const { status, body } = await search(api, pair.ben, '东京都')
  expect(status).toBe(200)
  expect(body).toEqual({
    messages: [
      {
        ...sent,
        seq: 1,
        senderId: pair.ann.userId,
        type: 'text',
        sentAt: expect.any(String),
        snippet: { text: '明天在东京都见面, ok?', matches: [{ start: 3, length: 3 }] },
      },
    ],
  })
  expect(await found(api, pair.ann, 'OK 见面')).toEqual([sent.messageId])
})

test('P9 nobody finds what is said among others, nor anything after they were removed', async ({
  service,
  api,
  pair,
}) => {
  const eve = await signUp(api, 'eve')
  const made = await api.post(
    '/v1/conversations',
    { name: 'G', policy: 'public', userIds: [pair.ben.userId] },
    pair.ann.token,
  )
  const { conversationId } = made.body['summary'] as unknown as Sent
  const sent = await say(api, pair.ann, { conversationId }, 'a confidential plan')
  await indexed(service.ctx)
  expect(await found(api, eve, 'confidential', { conversationId })).toEqual([])
  expect(await found(api, pair.ben, 'confidential')).toEqual([sent.messageId])
  await api.post(`/v1/conversations/${conversationId}/kicks`, { userIds: [pair.ben.userId] }, pair.ann.token)
  expect(await found(api, pair.ben, 'confidential')).toEqual([])
})

test('P9 words that were edited away or recalled are found no more, however far behind the index is', async ({
  service: { ctx },
  api,
  pair,
}) => {
  const sent = await say(api, pair.ann, { userId: pair.ben.userId }, 'strawberry')
  const other = await say(api, pair.ann, { userId: pair.ben.userId }, 'raspberry')
  await indexed(ctx)
  const url = (id: string) => `/v1/conversations/${sent.conversationId}/messages/${id}`
  await ctx.db.transaction().execute(async (trx) => {
    await vi.waitUntil(() => holdIndex(trx))
    await api.patch(url(sent.messageId), { content: { text: 'blueberry' } }, pair.ann.token)
    await api.delete(url(other.messageId), pair.ann.token)
    expect(await found(api, pair.ben, 'strawberry')).toEqual([])
    expect(await found(api, pair.ben, 'raspberry')).toEqual([])
  })
  await indexed(ctx)
  expect(await found(api, pair.ben, 'blueberry')).toEqual([sent.messageId])
  expect(await found(api, pair.ben, 'strawberry')).toEqual([])
})

test('filters by conversation, sender, type and time; pages follow each other without gap or repetition', async ({
  service,
  api,
  pair: { ann, ben },
}) => {
  const eve = await signUp(api, 'eve')
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.push((await say(api, ann, { userId: ben.userId }, `lemon ${i}`)).messageId)
  const answer = await say(api, ben, { userId: ann.userId }, 'lemonade')
  const place = { type: 'location', content: { latitude: 1, longitude: 2, name: 'Lemon Street' } }
  const located = await say(api, eve, { userId: ann.userId }, '', place)
  const own = { type: 'app.poll', content: { question: 1 }, digest: 'Which lemon?' }
  const polled = await say(api, eve, { userId: ann.userId }, '', own)
  await indexed(service.ctx)

  expect(await found(api, ann, 'lemon', { senderId: ben.userId })).toEqual([answer.messageId])
  expect(await found(api, ann, 'lemon', { type: 'location' })).toEqual([located.messageId])
  expect(await found(api, ann, 'lemon', { conversationId: polled.conversationId })).toEqual([
    polled.messageId,
    located.messageId,
  ])
  const all = [polled.messageId, located.messageId, answer.messageId, ...ids.toReversed()]
  expect(await found(api, ann, 'lemon')).toEqual(all)
  const paged: string[] = []
  for (let next: string | undefined = ''; next !== undefined;) {
    const { body } = await search(api, ann, 'lemon', { limit: '3', ...(next ? { next } : {}) })
    paged.push(...(body['messages'] as unknown as Sent[]).map(({ messageId }) => messageId))
    next = body['next'] as string | undefined
  }
  expect(paged).toEqual(all)
  const { body } = await search(api, ann, 'lemonade')
  const [{ sentAt }] = body['messages'] as unknown as [{ sentAt: string }]
  expect(await found(api, ann, 'lemon', { until: sentAt })).toEqual(ids.toReversed())
  expect(await found(api, ann, 'lemon', { since: sentAt })).toEqual(all.slice(0, 3))
})

test('P10 a search without a word, with too many, or with a made-up position is refused', async ({
  api,
  pair,
}) => {
  for (const words of ['', '?!', 'a b c d e f g h i', 'x'.repeat(129)])
    expect((await search(api, pair.ann, words)).body.error?.code).toBe('invalid_request')
  expect((await search(api, pair.ann, 'x', { next: 'bm90IG91cnM' })).body.error?.code).toBe('invalid_request')
  expect((await search(api, pair.ann, 'x', { limit: '51' })).body.error?.code).toBe('invalid_request')
  const places = [
    ['0000-01-01T00:00:00Z', 'd-x', 1],
    [`2026-01-01T00:00:00.${'0'.repeat(200)}Z`, 'd-x', 1],
    ['2026-01-01T00:00:00Z', 'd-\u0000', 1],
  ]
  for (const place of places) {
    const next = Buffer.from(JSON.stringify(place)).toString('base64url')
    expect((await search(api, pair.ann, 'x', { next })).body.error?.code).toBe('invalid_request')
  }
  // What means something to the index's own language is a word like any other, or none.
  for (const words of ["a' | 'b", 'x:* & !y', '\\', "'; drop table entry; --"])
    expect([200, 400]).toContain((await search(api, pair.ann, words)).status)
})

test.for([
  ['before the first year', '0000-01-01T00:00:00Z'],
  ['of too many digits', `2026-01-01T00:00:00.${'0'.repeat(200)}Z`],
] as const)('P10 a search since or until a time %s is refused', async ([, time], { api, pair }) => {
  for (const bound of ['since', 'until'])
    expect((await search(api, pair.ann, 'x', { [bound]: time })).body.error?.code).toBe('invalid_request')
})

test('P10 a search that takes too long is given up, and says so', async ({ service: { ctx } }) => {
  const endless = ctx.searcher.run((db) => sql`select pg_sleep(30)`.execute(db))
  await expect(endless).rejects.toMatchObject({ code: 'deadline_exceeded' })
})

test('what grew unnoticed is found and indexed, and a second indexer does nothing twice', async ({
  service: { ctx },
  api,
  pair,
}) => {
  const sent = await say(api, pair.ann, { userId: pair.ben.userId }, 'pomegranate')
  await indexed(ctx)
  // As it is where search was off, or an older release forgot the dispatch.
  await sql`delete from search_document`.execute(ctx.db)
  await sql`delete from search_progress`.execute(ctx.db)
  expect(await found(api, pair.ben, 'pomegranate')).toEqual([])
  await using _ = startIndexer({
    log: createLogger('second', { level: 'silent' }),
    db: ctx.db,
    metrics: createMetrics('second'),
    perSecond: 1_000,
    pressure: () => 0,
  })
  await indexed(ctx)
  expect(await found(api, pair.ben, 'pomegranate')).toEqual([sent.messageId])
})

test('of a backlog each conversation gets its share, and what is left is noted once, as old as it is', async ({
  service: { ctx },
  api,
  pair: { ann, ben },
}) => {
  const eve = await signUp(api, 'eve')
  await ctx.db.transaction().execute(async (trx) => {
    await vi.waitUntil(() => holdIndex(trx))
    for (let i = 1; i < 12; i++) await say(api, ann, { userId: ben.userId }, `walnut ${i}`)
    const { conversationId: busy } = await say(api, ann, { userId: ben.userId }, 'walnut 12')
    const { conversationId: quiet } = await say(api, eve, { userId: ben.userId }, 'hazelnut')
    await vi.waitUntil(async () => (await trx.selectFrom('dispatch').execute()).length === 0)

    expect(await indexSome(trx, 4)).toEqual({ messages: 4, unfinished: 1 })
    const progress = await trx
      .selectFrom('searchProgress')
      .select(['conversationId', 'indexedSeq'])
      .where('conversationId', 'in', [busy, quiet])
      .orderBy('indexedSeq')
      .execute()
    expect(progress).toEqual([
      { conversationId: quiet, indexedSeq: 1 },
      { conversationId: busy, indexedSeq: 3 },
    ])
    const { sentAt } = await trx
      .selectFrom('entry')
      .select('sentAt')
      .where('conversationId', '=', busy)
      .where('seq', '=', 3)
      .executeTakeFirstOrThrow()
    const left = await trx.selectFrom('searchPending').select(['conversationIds', 'createdAt']).execute()
    expect(left).toEqual([{ conversationIds: [busy], createdAt: sentAt }])
  })
  await indexed(ctx)
  expect(await found(api, ben, 'walnut')).toHaveLength(12)
})

test('of more conversations than a round has entries for, each has its turn, though all go on growing', async ({
  service: { ctx },
  api,
  pair: { ann },
}) => {
  const others = [await signUp(api, 'eve'), await signUp(api, 'fay'), await signUp(api, 'gus')]
  const sayToAll = () => Promise.all(others.map((to) => say(api, ann, { userId: to.userId }, 'chestnut')))
  await ctx.db.transaction().execute(async (trx) => {
    await vi.waitUntil(() => holdIndex(trx))
    const ids = (await sayToAll()).map(({ conversationId }) => conversationId)
    for (let round = 0; round < 6; round++) {
      await sayToAll()
      await vi.waitUntil(async () => (await trx.selectFrom('dispatch').execute()).length === 0)
      expect(await indexSome(trx, 1)).toMatchObject({ messages: 1 })
    }
    const progress = await trx
      .selectFrom('searchProgress')
      .select('indexedSeq')
      .where('conversationId', 'in', ids)
      .execute()
    expect(progress).toEqual([{ indexedSeq: 2 }, { indexedSeq: 2 }, { indexedSeq: 2 }])
  })
  await indexed(ctx)
})

test('P10 letters that fold to quotes and spaces, or stand beside them, do not confuse the index', async ({
  service: { ctx },
  api,
  pair: { ann, ben },
}) => {
  const { messageId } = await say(
    api,
    ann,
    { userId: ben.userId },
    String.raw`O'Brien's \ʼn\ ŉord ͺiota' "quince"`,
  )
  await indexed(ctx)
  const words = ['quince', 'ŉord', 'ͺiota', 'brien']
  expect(await Promise.all(words.map((word) => found(api, ben, word)))).toEqual(words.map(() => [messageId]))
})
