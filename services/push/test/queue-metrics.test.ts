import { observeQueues, openQueue } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { chatPush } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { startPrivateRedis } from '@parley/testing/redis'
import { expect, test, vi } from 'vitest'

const log = createLogger('test', { level: 'silent' })

test('shows what waits in the queue and since when, and no figure while Redis is away', async () => {
  await using opened = new AsyncDisposableStack()
  const server = opened.use(await startPrivateRedis())
  const connection = opened.adopt(openRedis({ url: server.url }, log), (client) => client.disconnect())
  await connection.connect()
  const queue = opened.use(openQueue(chatPush, connection, log))
  const registry = createMetrics('test')
  opened.use(observeQueues([chatPush], { connection, registry, log }))
  const shown = async () =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('parley_queue'))

  expect(await shown()).toContain('parley_queue_oldest_waiting_seconds{queue="push-chat",service="test"} 0')
  const data = { conversationId: 'c1' as never, firstSeq: 1, lastSeq: 1, userIds: ['u1' as never] }
  await queue.add([
    { id: 'one', data },
    { id: 'two', data },
    { id: 'later', data, delayMs: 60_000 },
  ])
  const lines = await shown()
  expect(lines).toContain('parley_queue_jobs{queue="push-chat",state="waiting",service="test"} 2')
  expect(lines).toContain('parley_queue_jobs{queue="push-chat",state="delayed",service="test"} 1')
  await vi.waitUntil(async () => {
    const age = (await shown()).find((line) => line.startsWith('parley_queue_oldest_waiting_seconds'))
    return Number(age?.split(' ')[1]) > 0
  })

  connection.disconnect()
  expect(await shown()).toEqual([])
})
