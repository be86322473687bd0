import { gatewayOrders } from '@parley/shared/realtime'
import { startRedisCluster } from '@parley/testing/redis-cluster'
import { startRedisSentinels } from '@parley/testing/redis-sentinels'

export interface OtherRedis extends AsyncDisposable {
  url: string
  wipe: () => Promise<void>
  /** Ends a primary for good, in a cluster that of a key or channel; a replica takes its place. */
  kill: (key?: string) => Promise<void>
  /** Whether one primary answers for both. */
  isTogether: (one: string, other: string) => Promise<boolean>
  /** Gives the slots of these to other primaries. Only a cluster has some. */
  moveSlots: (keys: string[]) => Promise<void>
}

/** A Redis in the place of the one server that a stack starts for itself. */
export async function startOtherRedis(
  kind: 'plain' | 'cluster' | 'sentinel',
): Promise<OtherRedis | undefined> {
  if (kind === 'plain') return undefined
  if (kind === 'sentinel') {
    const sentinels = await startRedisSentinels()
    return {
      ...sentinels,
      kill: () => sentinels.losePrimary('kill'),
      isTogether: async () => true,
      async moveSlots() {},
    }
  }
  const cluster = await startRedisCluster({ replicas: 1 })
  return {
    ...cluster,
    kill: async (key = gatewayOrders) => (await cluster.ownerOf(key)).kill(),
    isTogether: async (one, other) => (await cluster.ownerOf(one)) === (await cluster.ownerOf(other)),
    async moveSlots(keys) {
      for (const key of keys) await cluster.moveSlot(key)
    },
  }
}
