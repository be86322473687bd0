import { createLogger } from '@parley/shared/log'
import { openRedis } from '@parley/shared/redis'
import { expect, test } from 'vitest'
import { startRedisSentinels } from '../src/redis-sentinels.ts'

const log = createLogger('test', { level: 'silent' })

test('P4 every client follows the sentinels, whatever it was doing when they named another primary', async () => {
  await using sentinels = await startRedisSentinels()
  await using opened = new AsyncDisposableStack()
  // Enough that some look for the primary in the moment in which it changes.
  const clients = Array.from({ length: 200 }, () =>
    opened.adopt(openRedis({ url: sentinels.url, use: 'publish' }, log), (it) => it.disconnect()),
  )
  await Promise.all(clients.map((client) => client.connect()))
  await sentinels.losePrimary('kill')
  await expect.poll(() => new Set(clients.map(({ status }) => status))).toEqual(new Set(['ready']))
})
