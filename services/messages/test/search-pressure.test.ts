import { randomUUID as uuid } from 'node:crypto'
import { createLogger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { createApi, signUp } from '@parley/testing/chat-api'
import { expect, vi } from 'vitest'
import { startIndexer } from '../src/search/indexer.ts'
import { startMessages } from '../src/service.ts'
import { test } from './fixture.ts'

test('while sends need everything the index goes on slower, and catches up after it', async ({ config }) => {
  await using service = await startMessages({ ...config, search: { ...config.search, enabled: false } })
  const api = createApi(service.url)
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  for (let i = 0; i < 13; i++) {
    const draft = {
      clientMessageId: uuid(),
      to: { userId: ben.userId },
      type: 'text',
      content: { text: `pear ${i}` },
    }
    await api.post('/v1/messages', draft, ann.token)
  }
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
  await vi.waitUntil(() => found.length >= 6, { timeout: 20_000 })
  // The first round finds out what grew, of which nobody noted anything.
  expect((await Promise.all(found)).slice(0, 6)).toEqual([0, 0, 1, 2, 12, 13])
})
