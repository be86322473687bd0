import type { Certificate } from './certificates.ts'
import {
  redisFlags,
  type RedisNode,
  redisPassword,
  redisUser,
  startRedisNode,
  userFlags,
} from './redis-node.ts'
import type { RedisServer } from './redis.ts'
import { until } from './until.ts'

const name = 'parley'

export interface RedisSentinels extends RedisServer {
  /** Takes the primary away, and resolves when the sentinels name another. */
  losePrimary: (end: 'kill' | 'hang') => Promise<void>
}

/**
 * Sentinels that were held up for two seconds, as on a busy machine, replace nobody for half a minute ("TILT"). They
 * never do after it if the replica has then been alone for more than ten times this.
 */
const downAfterMs = 4_000
/** Half a minute of that, and votes that nobody won, ten seconds each. */
const namedWithinMs = 90_000

/** A primary, a replica, and three sentinels who make it the primary within some five seconds. */
export async function startRedisSentinels({
  certificate,
}: { certificate?: Certificate } = {}): Promise<RedisSentinels> {
  await using started = new AsyncDisposableStack()
  const flags = [
    ...redisFlags,
    ...userFlags,
    '--masterauth',
    redisPassword,
    '--repl-diskless-sync-delay',
    '0',
  ]
  const first = started.use(await startRedisNode({ password: redisPassword, certificate, flags }))
  const replicaOf = ['--replicaof', `127.0.0.1 ${first.port}`]
  const second = started.use(
    await startRedisNode({ password: redisPassword, certificate, flags: [...flags, ...replicaOf] }),
  )
  const servers = [first, second]
  await until(async () => (await second.client.info('replication')).includes('master_link_status:up'))
  const sentinels = await Promise.all(
    Array.from({ length: 3 }, async () =>
      started.use(
        await startRedisNode({
          password: redisPassword,
          certificate,
          flags: [],
          watches: [
            `monitor ${name} 127.0.0.1 ${first.port} 2`,
            `auth-pass ${name} ${redisPassword}`,
            `sentinel-pass ${redisPassword}`,
            `down-after-milliseconds ${name} ${downAfterMs}`,
            `failover-timeout ${name} 5000`,
          ],
        }),
      ),
    ),
  )
  const ask = (what: string) => sentinels.map(({ client }) => client.call('SENTINEL', what, name))
  // They can agree once each knows the others and the replica.
  await until(async () => {
    const known = await Promise.all([...ask('sentinels'), ...ask('replicas')])
    return known.every((it, i) => (it as unknown[]).length === (i < sentinels.length ? 2 : 1))
  })
  const owned = started.move()
  const at = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')

  async function primary(): Promise<RedisNode> {
    const [, port] = (await ask('get-master-addr-by-name')[0]) as [string, string]
    const found = servers.find((server) => server.port === Number(port))
    if (!found) throw new Error('the sentinels name a server that is not ours')
    return found
  }

  async function losePrimary(end: 'kill' | 'hang'): Promise<void> {
    const lost = await primary()
    lost[end]()
    await until(async () => (await primary()) !== lost, namedWithinMs)
  }

  return {
    url: `${certificate ? 'rediss' : 'redis'}+sentinel://${redisUser}:${redisPassword}@${at}/${name}?sentinelPassword=${redisPassword}`,
    choice: 'process',
    losePrimary,
    async wipe() {
      await (await primary()).client.flushall()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
