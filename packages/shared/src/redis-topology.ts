import slotOf from 'cluster-key-slot'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { type ClusterAddress, parseRedisUrl, type ServerAddress } from './redis-address.ts'
import { openCluster, openServer, retryAfterMs, type ServerOptions } from './redis.ts'

/** Which primary answers for what, and the way to it. */
export interface Topology {
  slotOf: (channel: string) => number
  /** Undefined while nobody is known to. */
  ownerOf: (slot: number) => string | undefined
  primaries: () => Set<string>
  /** A connection that does nothing but listen. Undefined if the primary is not known any more. */
  open: (primary: string) => Redis | undefined
  /** Whether an owner differs from when this was asked before. */
  hasChanged: () => boolean
  /** Asks anew who owns what, and resolves when that is known or cannot be known. */
  refresh: () => Promise<void>
  close: () => void
}

const listening: ServerOptions = {
  // Done here, where it is known what was missed meanwhile.
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  // What is not sent again is refused when its connection ends. Otherwise ioredis forgets it, and whoever asked waits for ever.
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  // Of a server that hangs nothing comes, not even that it has gone.
  socketTimeout: 5_000,
}

export function openTopology(url: string, log: Logger): Topology {
  const address = parseRedisUrl(url)
  return address.kind === 'cluster' ? ofCluster(address, log) : ofServer(address, log)
}

const theOne = 'primary'

/** One server, or whichever the sentinels name, owns everything. */
function ofServer(address: ServerAddress, log: Logger): Topology {
  return {
    slotOf: () => 0,
    ownerOf: () => theOne,
    primaries: () => new Set([theOne]),
    open: () => openServer(address, log, listening),
    hasChanged: () => false,
    refresh: async () => {},
    close: () => {},
  }
}

function ofCluster(address: ClusterAddress, log: Logger): Topology {
  const cluster = openCluster(address, 'request', log)
  cluster.connect().catch(() => undefined)
  const ownerOf = (slot: number) => cluster.slots[slot]?.[0]
  let owners: (string | undefined)[] = []
  return {
    slotOf,
    ownerOf,
    hasChanged() {
      const before = owners
      owners = Array.from(cluster.slots, (_, slot) => ownerOf(slot))
      return owners.length !== before.length || owners.some((owner, slot) => owner !== before[slot])
    },
    primaries: () => new Set(cluster.slots.flatMap((nodes) => nodes[0] ?? [])),
    open(primary) {
      const node = cluster
        .nodes('master')
        .find(({ options: { host, port } }) => `${host}:${port}` === primary)
      const client = node?.duplicate({ ...listening, lazyConnect: true, retryStrategy: retryAfterMs })
      client?.on('error', (err) => log.warn({ err, primary }, 'redis node error'))
      return client
    },
    refresh: () => new Promise((resolve) => cluster.refreshSlotsCache(() => resolve())),
    close: () => cluster.disconnect(),
  }
}
