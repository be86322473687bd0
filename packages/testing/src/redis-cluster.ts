import slotOf from 'cluster-key-slot'
import type { Certificate } from './certificates.ts'
import { findFreePort } from './free-port.ts'
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

const slots = 16_384
const clusterFlags = [
  ['--masterauth', redisPassword],
  ['--cluster-enabled', 'yes'],
  ['--cluster-node-timeout', '1000'],
  ['--cluster-require-full-coverage', 'no'],
  ['--repl-diskless-sync-delay', '0'],
  // Nobody is told of a replica before its primary has sent it something.
  ['--repl-ping-replica-period', '1'],
].flat()

export interface RedisCluster extends RedisServer {
  /** All of them, the three that were the primaries first. */
  nodes: RedisNode[]
  /** The primary that answers for a key or channel. */
  ownerOf: (key: string) => Promise<RedisNode>
  /** Gives the slot of a key or channel, and what is in it, to another primary. */
  moveSlot: (key: string) => Promise<void>
}

/** A real cluster of three primaries, each with so many replicas, of which one takes over within some two seconds. */
export async function startRedisCluster({
  replicas = 0,
  certificate,
}: { replicas?: number; certificate?: Certificate } = {}): Promise<RedisCluster> {
  await using started = new AsyncDisposableStack()
  const nodes = await Promise.all(
    Array.from({ length: 3 * (1 + replicas) }, async () => {
      const busPort = await findFreePort()
      const node = started.use(
        await startRedisNode({
          password: redisPassword,
          certificate,
          flags: [...redisFlags, ...userFlags, ...clusterFlags, '--cluster-port', String(busPort)],
        }),
      )
      return { ...node, busPort }
    }),
  )
  await form(nodes)
  const owned = started.move()

  async function ownerOf(key: string): Promise<RedisNode> {
    const slot = slotOf(key)
    for (const node of nodes) {
      if (node.client.status !== 'ready') continue
      const ranges = await node.client.cluster('SLOTS')
      const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2]?.[1]
      const owner = nodes.find((it) => it.port === port && it.client.status === 'ready')
      if (owner) return owner
    }
    throw new Error(`nobody answers for ${key}`)
  }

  return {
    url: `${certificate ? 'rediss' : 'redis'}+cluster://${redisUser}:${redisPassword}@${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    choice: 'process',
    nodes,
    ownerOf,
    async moveSlot(key) {
      const slot = slotOf(key)
      const from = await ownerOf(key)
      const owners = (await from.client.cluster('SLOTS')).map(([, , primary]) => primary?.[1])
      const to = nodes.find(({ port }) => port !== from.port && owners.includes(port)) ?? from
      const [fromId, toId] = await Promise.all([from, to].map(({ client }) => client.cluster('MYID')))
      await to.client.cluster('SETSLOT', slot, 'IMPORTING', String(fromId))
      await from.client.cluster('SETSLOT', slot, 'MIGRATING', String(toId))
      const keys = (await from.client.cluster('GETKEYSINSLOT', slot, 10_000)) as string[]
      if (keys.length > 0)
        await from.client.call(
          'MIGRATE',
          '127.0.0.1',
          to.port,
          '',
          0,
          5_000,
          'AUTH',
          redisPassword,
          'KEYS',
          ...keys,
        )
      for (const { client } of [to, from]) await client.cluster('SETSLOT', slot, 'NODE', String(toId))
    },
    async wipe() {
      await Promise.all(
        nodes.map(async ({ client }) => {
          if (client.status === 'ready') await client.flushall().catch(onReplica)
        }),
      )
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function onReplica(cause: Error): void {
  if (!cause.message.startsWith('READONLY')) throw cause
}

/** A client sends once more what was under way on a connection that it lost. */
function onRepetition(cause: Error): void {
  if (!cause.message.includes('config epoch is already non-zero')) throw cause
}

async function form(nodes: (RedisNode & { busPort: number })[]): Promise<void> {
  const [first, ...others] = nodes
  if (!first) return
  const primaries = nodes.slice(0, 3)
  await Promise.all(
    nodes.map(({ client }, i) => client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1).catch(onRepetition)),
  )
  await Promise.all(
    primaries.map(({ client }, i) => {
      const at = (n: number) => Math.floor((slots * n) / primaries.length)
      return client.call('CLUSTER', 'ADDSLOTSRANGE', at(i), at(i + 1) - 1)
    }),
  )
  for (const { port, busPort } of others)
    await first.client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  const ids = await Promise.all(primaries.map(({ client }) => client.cluster('MYID')))
  await Promise.all(
    nodes.slice(3).map(({ client }, i) =>
      until(async () => {
        await client.call('CLUSTER', 'REPLICATE', String(ids[i % primaries.length]))
        return true
      }),
    ),
  )
  await until(async () => {
    const all = await Promise.all(nodes.map(knowsAll))
    return all.every(Boolean)
  })

  async function knowsAll({ client }: RedisNode): Promise<boolean> {
    const state = String(await client.cluster('INFO'))
    const owners = await client.cluster('SLOTS')
    const members = owners.reduce((sum, owner) => sum + owner.length - 2, 0)
    const replication = await client.info('replication')
    return (
      state.includes('cluster_state:ok') &&
      members === nodes.length &&
      !replication.includes('master_link_status:down')
    )
  }
}
