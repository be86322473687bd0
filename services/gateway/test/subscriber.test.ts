import { createLogger } from '@parley/shared/log'
import { openRedis } from '@parley/shared/redis'
import { openSubscriber } from '@parley/shared/subscriber'
import { startRedisCluster } from '@parley/testing/redis-cluster'
import { redisFlags, startRedisNode } from '@parley/testing/redis-node'
import { startRedisSentinels } from '@parley/testing/redis-sentinels'
import { describe, expect, test, vi } from 'vitest'

const log = createLogger('test', { level: 'silent' })
/** Enough to lie on every primary of three. */
const channels = Array.from({ length: 60 }, (_, i) => `socket.io#/#c:${i}#`)

/** A subscriber of all channels and what it heard, and a publisher. */
async function listen(url: string) {
  const opened = new AsyncDisposableStack()
  const subscriber = opened.use(openSubscriber({ url }, log))
  const publisher = opened.adopt(openRedis({ url, use: 'publish' }, log), (it) => it.disconnect())
  await publisher.connect()
  const heard = new Set<string>()
  const healed: ReadonlySet<string>[] = []
  subscriber.on('smessageBuffer', (channel, message) => heard.add(`${String(channel)} ${String(message)}`))
  for (const channel of channels) subscriber.ssubscribe(channel)
  await vi.waitUntil(() => subscriber.missing === 0 && subscriber.hears(channels[0] ?? ''))
  subscriber.on('healed', (some) => healed.push(some))
  return {
    subscriber,
    healed,
    /** Says a word in all of these and waits until it was heard in each. */
    async expectHeard(word: string, where = channels): Promise<void> {
      await vi.waitUntil(
        async () => {
          const unheard = where.filter((channel) => !heard.has(`${channel} ${word}`))
          await Promise.allSettled(unheard.map((channel) => publisher.spublish(channel, word)))
          return unheard.length === 0
        },
        { interval: 50 },
      )
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

describe('a subscriber of a cluster', () => {
  test('hears every channel on whatever primary, and none after it has left', async () => {
    await using cluster = await startRedisCluster()
    await using it = await listen(cluster.url)
    await it.expectHeard('hello')
    const [left = '', ...others] = channels
    it.subscriber.sunsubscribe(left)
    await it.subscriber.settled()
    const owner = await cluster.ownerOf(left)
    expect(await owner.client.call('PUBSUB', 'SHARDNUMSUB', left)).toEqual([left, 0])
    await it.expectHeard('again', others)
    expect(it.healed).toEqual([])
  })

  test('P4 says of a channel whose slot has moved that it may have missed something, and of no other', async () => {
    await using cluster = await startRedisCluster()
    await using it = await listen(cluster.url)
    for (const channel of channels.slice(0, 3)) {
      it.healed.length = 0
      await cluster.moveSlot(channel)
      await it.expectHeard(`after moving ${channel}`)
      expect(it.healed).toEqual([new Set([channel])])
    }
  })

  test.for(['kill', 'hang'] as const)(
    'P4 hears what a replica takes over after the %s of a primary, and says which channels those were',
    async (end) => {
      await using cluster = await startRedisCluster({ replicas: 1 })
      await using it = await listen(cluster.url)
      const owners = await Promise.all(channels.map((channel) => cluster.ownerOf(channel)))
      const lost = channels.filter((_, i) => owners[i] === owners[0])
      owners[0]?.[end]()
      await it.expectHeard('from the replica', lost)
      expect(new Set(it.healed.flatMap((some) => [...some]))).toEqual(new Set(lost))
      await it.expectHeard('from everywhere')
    },
  )
})

test('P4 what a connection was asked when it ended is waited for by nobody', async () => {
  await using node = await startRedisNode({ flags: redisFlags })
  await using it = await listen(`redis://127.0.0.1:${node.port}`)
  node.hang()
  // The audit is what ends it: nothing else is asked, and nothing comes.
  await vi.waitUntil(() => !it.subscriber.hears(channels[0] ?? ''))
  node.resume()
  await vi.waitUntil(() => it.subscriber.hears(channels[0] ?? ''))
  await it.expectHeard('back')
  expect(new Set(it.healed.flatMap((some) => [...some]))).toEqual(new Set(channels))
  // Its closing waits for the round in hand.
  await it[Symbol.asyncDispose]()
})

test.for(['kill', 'hang'] as const)(
  'P4 a subscriber follows the sentinels after the %s of a primary, and says that it may have missed something anywhere',
  async (end) => {
    await using sentinels = await startRedisSentinels()
    await using it = await listen(sentinels.url)
    await it.expectHeard('from the first')
    await sentinels.losePrimary(end)
    await it.expectHeard('from the second')
    expect(new Set(it.healed.flatMap((some) => [...some]))).toEqual(new Set(channels))
  },
)
