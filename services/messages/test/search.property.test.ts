import type { Entry } from '@parley/shared/entry'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { FoundMessage } from '@parley/shared/search-events'
import { checkProperty } from '@parley/testing/check-property'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Context } from '../src/context.ts'
import { createRequestLimits } from '../src/sessions/request-limits.ts'
import { test } from './fixture.ts'
import { ask, createWorld, historyOf, perform, type World } from './random-history.ts'
import { indexed } from './searching.ts'

const words = [
  'hello',
  'help',
  'Héld',
  'world',
  'Über',
  'under',
  '你好',
  '你们好',
  '好的',
  '東京都',
  '京都',
  'ひらがな',
  'ＨＥＬＬＯ',
  '🎉',
]
const text = fc
  .tuple(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 }), fc.constantFrom(' ', '', ', '))
  .map(([chosen, between]) => chosen.join(between))
const wanted = fc.constantFrom(
  'he',
  'hello',
  'held',
  'uber',
  '你',
  '你好',
  '好',
  '京都',
  '東京',
  'がな',
  '🎉',
  'hello world',
  '你好 hello',
  'zebra',
)
const query = fc.record({
  by: fc.nat(3),
  words: wanted,
  place: fc.option(fc.nat(5)),
  sender: fc.option(fc.nat(3)),
  fromMessage: fc.option(fc.nat(50)),
  limit: fc.integer({ min: 1, max: 7 }),
})

type Asked = typeof query extends fc.Arbitrary<infer T> ? T : never

const cases = fc.record({
  history: historyOf(text, 40),
  queries: fc.array(query, { minLength: 12, maxLength: 12 }),
})

test('P9 a search finds what a look at everything the user may read would find, newest first, over any history', async ({
  service,
}) => {
  const ctx = { ...service.ctx, searchLimits: createRequestLimits({ perSecond: 1e6, burst: 1e6 }) }
  await checkProperty(cases, { runs: 64, atOnce: 8, withinMs: 120_000 }, async ({ history, queries }) => {
    const world = await createWorld(ctx)
    for (const step of history) await perform(ctx, world, step)
    await indexed(ctx, world.conversationIds)
    for (const each of queries) await compare(ctx, world, each)
  })
})

async function compare(ctx: Context, world: World, asked: Asked): Promise<void> {
  const since = asked.fromMessage === null ? undefined : await sentAtOf(ctx, world, asked.fromMessage)
  const filters = {
    words: asked.words,
    ...(asked.place === null ? {} : { conversationId: world.conversationIds[asked.place] }),
    ...(asked.sender === null ? {} : { senderId: world.userIds[asked.sender] }),
    ...(since === undefined ? {} : { since }),
  }
  const user = world.userIds[asked.by] as UserId
  const expected = (await readEverything(ctx, world, user))
    .filter(({ content }) => says(String(content['text']), asked.words))
    .filter((entry) => asked.place === null || entry.conversationId === filters.conversationId)
    .filter((entry) => asked.sender === null || entry.senderId === filters.senderId)
    .filter((entry) => since === undefined || entry.sentAt >= since)
  const found = await everyPage(ctx, user, { ...filters, limit: asked.limit })
  expect(idsOf(found)).toEqual(idsOf(expected))
  const times = found.map(({ sentAt }) => sentAt)
  expect(times).toEqual(times.toSorted().toReversed())
  for (const { snippet } of found) expect(snippet.matches.length).toBeGreaterThan(0)
}

const idsOf = (messages: { messageId?: string | undefined }[]) => {
  const ids = messages.map(({ messageId }) => messageId)
  expect(new Set(ids).size).toBe(ids.length)
  return new Set(ids)
}

async function everyPage(ctx: Context, user: UserId, request: object): Promise<FoundMessage[]> {
  const found: FoundMessage[] = []
  for (let next: string | undefined; ;) {
    const page = await ask(ctx, user, 'message:search', { ...request, ...(next ? { next } : {}) })
    found.push(...page.messages)
    if (!page.next) return found
    next = page.next
  }
}

/** What the log shows a reader is what a search may show. */
async function readEverything(ctx: Context, world: World, user: UserId): Promise<Entry[]> {
  const read = async (conversationId: ConversationId) => {
    const page = await ask(ctx, user, 'log:read', { conversationId, limit: 200 }).catch(() => undefined)
    return page?.entries.filter(({ kind, recalledAt }) => kind === 'message' && !recalledAt) ?? []
  }
  return (await Promise.all(world.conversationIds.map(read))).flat()
}

async function sentAtOf(
  ctx: Context,
  { conversationIds, messages }: World,
  index: number,
): Promise<string | undefined> {
  const message = messages[index]
  if (!message) return undefined
  const { sentAt } = await ctx.db
    .selectFrom('entry')
    .select('sentAt')
    .where('conversationId', '=', conversationIds[message.place] as string)
    .where('seq', '=', message.seq)
    .executeTakeFirstOrThrow()
  // The log tells milliseconds, so that is what a client can ask from.
  return sentAt.toISOString()
}

/** The rule in other words: words of letters by their beginning, what is written without spaces anywhere in it. */
function says(text: string, wanted: string): boolean {
  const plain = (it: string) =>
    it
      .normalize('NFKD')
      .replaceAll(/\p{Mn}/gu, '')
      .normalize('NFKC')
      .toLowerCase()
  const letters = plain(text).split(/[^a-z]+/)
  return plain(wanted)
    .split(' ')
    .every((word) =>
      /^[a-z]+$/.test(word) ? letters.some((it) => it.startsWith(word)) : plain(text).includes(word),
    )
}
