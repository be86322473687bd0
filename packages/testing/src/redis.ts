import { Redis } from 'ioredis'
import { startRedisCluster } from './redis-cluster.ts'
import { redisFlags, startRedisNode } from './redis-node.ts'
import { startRedisSentinels } from './redis-sentinels.ts'
import { chooseServers, prepareContainers, type ServerChoice } from './server-choice.ts'

export interface RedisServer extends AsyncDisposable {
  /** As `REDIS_URL` has it. */
  url: string
  choice: ServerChoice
  /** Takes everything away that it holds. */
  wipe: () => Promise<void>
}

const image = 'redis:8'

/** The server this run tests against: the one in TEST_REDIS_URL, else one as `startPrivateRedis` makes it. */
export async function startRedis(env: NodeJS.ProcessEnv = process.env): Promise<RedisServer> {
  const url = env['TEST_REDIS_URL']
  if (!url) return startPrivateRedis(env)
  return { url, choice: 'yours', wipe: () => wipe(url), async [Symbol.asyncDispose]() {} }
}

/**
 * A Redis of the caller's own, for tests that run a service: services use fixed key names, and pub/sub knows
 * no logical databases, so two test files that share a server hear each other. PARLEY_TEST_REDIS makes it a cluster
 * or one with sentinels.
 */
export async function startPrivateRedis(env: NodeJS.ProcessEnv = process.env): Promise<RedisServer> {
  const kind = chooseRedis(env)
  if (kind === 'cluster') return startRedisCluster()
  if (kind === 'sentinel') return startRedisSentinels()
  return (await chooseServers(env)) === 'containers' ? startContainer() : startOwn()
}

/** What PARLEY_TEST_REDIS asks for. */
export function chooseRedis(env: NodeJS.ProcessEnv = process.env): 'plain' | 'cluster' | 'sentinel' {
  const kind = env['PARLEY_TEST_REDIS'] || 'plain'
  if (kind === 'plain' || kind === 'cluster' || kind === 'sentinel') return kind
  throw new Error('PARLEY_TEST_REDIS is plain, cluster or sentinel')
}

/** Takes everything away that one server holds. */
export async function wipe(url: string): Promise<void> {
  const client = new Redis(url)
  await client.flushall()
  client.disconnect()
}

async function startContainer(): Promise<RedisServer> {
  await prepareContainers()
  const { RedisContainer } = await import('@testcontainers/redis')
  const container = await new RedisContainer(image).withCommand(['redis-server', ...redisFlags]).start()
  const url = container.getConnectionUrl()
  return {
    url,
    choice: 'container',
    wipe: () => wipe(url),
    async [Symbol.asyncDispose]() {
      await container.stop()
    },
  }
}

async function startOwn(): Promise<RedisServer> {
  const node = await startRedisNode({ flags: redisFlags })
  return {
    url: `redis://127.0.0.1:${node.port}`,
    choice: 'process',
    wipe: async () => void (await node.client.flushall()),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
}
