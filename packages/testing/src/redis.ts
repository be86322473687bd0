import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findFreePort } from './free-port.ts'
import { startProcess, waitUntilReady } from './owned-process.ts'
import { findRedisServer, pingRedis } from './redis-server.ts'
import { chooseServers, prepareContainers, type ServerChoice } from './server-choice.ts'

export interface RedisServer extends AsyncDisposable {
  url: string
  choice: ServerChoice
}

const image = 'redis:8'
// BullMQ wants to be refused rather than have a job evicted.
const flags = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']

/** The server this run tests against: the one in TEST_REDIS_URL, else one as `startPrivateRedis` makes it. */
export async function startRedis(env: NodeJS.ProcessEnv = process.env): Promise<RedisServer> {
  const url = env['TEST_REDIS_URL']
  return url ? { url, choice: 'yours', async [Symbol.asyncDispose]() {} } : startPrivateRedis(env)
}

/**
 * A Redis of the caller's own, for tests that run a service: services use fixed key names, and pub/sub knows
 * no logical databases, so two test files that share a server hear each other.
 */
export async function startPrivateRedis(env: NodeJS.ProcessEnv = process.env): Promise<RedisServer> {
  return (await chooseServers(env)) === 'containers' ? startContainer() : startOwn()
}

async function startContainer(): Promise<RedisServer> {
  await prepareContainers()
  const { RedisContainer } = await import('@testcontainers/redis')
  const container = await new RedisContainer(image).withCommand(['redis-server', ...flags]).start()
  return {
    url: container.getConnectionUrl(),
    choice: 'container',
    async [Symbol.asyncDispose]() {
      await container.stop()
    },
  }
}

async function startOwn(): Promise<RedisServer> {
  await using started = new AsyncDisposableStack()
  const file = await findRedisServer()
  const home = await mkdtemp(path.join(tmpdir(), 'parley-test-redis-'))
  started.defer(() => rm(home, { recursive: true, force: true }))
  const port = await findFreePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', home, ...flags]
  const server = started.use(startProcess({ file, args, options: { cwd: home } }))
  await waitUntilReady('Redis', server, () => pingRedis(port))
  const owned = started.move()
  return {
    url: `redis://127.0.0.1:${port}`,
    choice: 'process',
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
