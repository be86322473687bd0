import { randomUUID as uuid } from 'node:crypto'
import { createLogger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import { sql } from 'kysely'
import { expect, vi } from 'vitest'
import { startIndexer } from '../src/search/indexer.ts'
import { startMessages } from '../src/service.ts'
import { test } from './fixture.ts'

const say = (api: Api, from: Person, to: Person, text: string) =>
  api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { userId: to.userId }, type: 'text', content: { text } },
    from.token,
  )

test('while sends need everything the index goes on slower, and catches up after it', async ({ config }) => {
  await using service = await startMessages({ ...config, search: { ...config.search, enabled: false } })
  const api = createApi(service.url)
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  for (let i = 0; i < 13; i++) await say(api, ann, ben, `pear ${i}`)
  const metrics = createMetrics('indexer')
  const indexed = async () =>
    (await metrics.getSingleMetric('parley_search_indexed_total')?.get())?.values[0]?.value
  const found: Promise<number | undefined>[] = []
  await using _ = startIndexer({
    log: createLogger('indexer', { level: 'silent' }),
    db: service.ctx.db,
    metrics,
    // Ten in a round, if nothing else is to be done.
    perSecond: 20,
    pressure: () => (found.push(indexed()) < 4 ? 0.9 : 0),
  })
  await vi.waitUntil(() => found.length >= 6)
  // The first round finds out what grew, of which nobody noted anything.
  expect((await Promise.all(found)).slice(0, 6)).toEqual([0, 0, 1, 2, 12, 13])
})

test('what was there before search was on is found also where messages never cease', async ({ config }) => {
  const old = await (async () => {
    await using without = await startMessages({ ...config, search: { ...config.search, enabled: false } })
    const api = createApi(without.url)
    const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
    const { body } = await say(api, ann, ben, 'quince')
    return { ann, conversationId: String(body['conversationId']) }
  })()
  await using service = await startMessages(config)
  const api = createApi(service.url)
  const cas = await signUp(api, 'cas')
  await vi.waitUntil(
    async () => {
      await say(api, old.ann, cas, 'and on')
      const { rows } = await sql`
        select from search_progress where conversation_id = ${old.conversationId}`.execute(service.ctx.db)
      return rows.length > 0
    },
    { interval: 30 },
  )
  const { body } = await api.get('/v1/messages/search?words=quince', old.ann.token)
  expect(body['messages']).toHaveLength(1)
})
