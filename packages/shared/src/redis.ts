import { Cluster, Command, Redis, type RedisOptions } from 'ioredis'
import type { Logger } from 'pino'
import { type ClusterAddress, parseRedisUrl, type ServerAddress } from './redis-address.ts'
import { SentinelConnector } from './sentinel-connector.ts'

interface RedisConfig {
  /** As `parseRedisUrl` reads it. */
  url: string
  /**
   * `request`: a command fails after a few tries while Redis is away. `worker`: waits for ever, as a queue
   * worker must. `publish`: fails at once, because an emit that waited for Redis would stall local delivery.
   */
  use?: Use
}

type Use = 'request' | 'worker' | 'publish'

/** One server, a cluster, or whichever server sentinels say is the primary. */
export type RedisClient = Redis | Cluster

export type ServerOptions = Omit<RedisOptions, 'replyMapping'>

/** A client that reports its troubles to the log. ioredis prints them to the console if nobody listens. */
export function openRedis({ url, use = 'request' }: RedisConfig, log: Logger): RedisClient {
  const address = parseRedisUrl(url)
  if (address.kind === 'cluster') return openCluster(address, use, log)
  return openServer(address, log, serverOptions[use])
}

const connectedWithinMs = 3_000

/** Waits for connections that were just opened, but not long: Redis may be away at a start as at any other time. */
export async function connectSoon(...clients: RedisClient[]): Promise<void> {
  const connected = Promise.allSettled(clients.map((client) => client.connect()))
  await Promise.race([connected, new Promise((resolve) => setTimeout(resolve, connectedWithinMs).unref())])
}

// `socketTimeout` ends a connection on which something was asked and nothing comes: that of a server that hangs. Workers
// wait for jobs longer than that.
const serverOptions = {
  request: {
    maxRetriesPerRequest: 2,
    enableAutoPipelining: true,
    commandTimeout: 5_000,
    socketTimeout: 5_000,
  },
  worker: { maxRetriesPerRequest: null },
  publish: {
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    socketTimeout: 2_000,
  },
}

export const retryAfterMs = (attempt: number) =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2)

/** A server that is lost without a word is not waited for longer than others take to fill its place. */
const connectTimeout = 3_000

/** A client of one server: the one that is named, or the one that sentinels name. */
export function openServer(address: ServerAddress, log: Logger, options: ServerOptions): Redis {
  const common: ServerOptions = { lazyConnect: true, retryStrategy: retryAfterMs, ...options }
  const client =
    address.kind === 'plain'
      ? new Redis(address.url, common)
      : new Redis({ ...common, ...sentinelOptions(address) })
  client.on('error', (err) => log.error({ err }, 'redis error'))
  return client
}

function sentinelOptions(address: Extract<ServerAddress, { kind: 'sentinel' }>): ServerOptions {
  const { username, password } = address.sentinelCredentials
  return {
    Connector: SentinelConnector,
    name: address.name,
    sentinels: address.sentinels,
    ...address.credentials,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(address.tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    connectTimeout,
    sentinelCommandTimeout: 2_000,
    sentinelRetryStrategy: retryAfterMs,
    // A primary that hangs closes no connection: the sentinels' word that there is another one does.
    failoverDetector: true,
    // The answer of a server that was the primary a moment ago: the command goes to the one that is it now.
    reconnectOnError: (err) => (err.message.startsWith('READONLY') ? 2 : false),
  }
}

/** How often a command is sent again, some 100 ms apart, while its part of the cluster moves or is away. */
const maxRedirections: Record<Use, number> = { request: 16, worker: 100, publish: 2 }
const refreshEveryMs = 5_000

/** A client of all nodes of a cluster. What asks for several keys at once must keep them in one slot. */
export function openCluster({ nodes, credentials, tls }: ClusterAddress, use: Use, log: Logger): Cluster {
  // Those of a cluster are its own, not its nodes'.
  const {
    enableAutoPipelining: _,
    enableOfflineQueue: _own,
    ...nodeOptions
  }: ServerOptions = serverOptions[use]
  const client = new Cluster(nodes, {
    lazyConnect: true,
    // Of the commands that went together, those for a slot that has moved would fail: ioredis follows redirections
    // only of commands that go alone. `spublish` below makes up for it.
    enableAutoPipelining: use === 'publish',
    // While the whole cluster is away a queue would have no bound, and what waits in it no end.
    enableOfflineQueue: use === 'worker',
    // Where it fails, ioredis forgets to say how its connecting ended. Commands wait out `CLUSTERDOWN` by themselves.
    enableReadyCheck: false,
    maxRedirections: maxRedirections[use],
    clusterRetryStrategy: retryAfterMs,
    slotsRefreshInterval: refreshEveryMs,
    slotsRefreshTimeout: 2_000,
    // Names stay names, as certificates have them. ioredis would connect to their addresses.
    dnsLookup: (name, answer) => answer(null, name),
    redisOptions: {
      ...nodeOptions,
      ...credentials,
      ...(tls ? { tls: {} } : {}),
      connectTimeout,
    },
  })
  client.on('error', (err: Error) => log.error({ err }, 'redis error'))
  client.on('node error', (err: Error, node: string) => log.warn({ err, node }, 'redis node error'))
  // ioredis connects to a node with the first command for it, which then waits, or fails where none may wait.
  client.on('+node', (node: Redis) => {
    if (!node.options.readOnly) node.connect().catch(() => undefined)
  })
  if (use === 'publish') followRedirections(client)
  return client
}

/**
 * Publishes at once or not at all, also where ioredis would wait for the first answer of the cluster or throw; what was
 * redirected is sent once more, alone.
 */
function followRedirections(client: Cluster): void {
  const stock = client.spublish.bind(client) as (channel: string, message: string) => Promise<number>
  client.spublish = (async (channel: string, message: string): Promise<number> => {
    if (client.status !== 'ready') throw new Error('the cluster is away')
    try {
      return await stock(channel, message)
    } catch (cause) {
      if (!/^(MOVED|ASK|TRYAGAIN)\b/.test((cause as Error).message)) throw cause
      const alone = new Command('spublish', [channel, message], { replyEncoding: 'utf8' })
      return client.sendCommand(alone) as Promise<number>
    }
  }) as Cluster['spublish']
}
