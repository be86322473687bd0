import { createLogger, type Logger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { connectSoon, openRedis, type RedisClient } from '@parley/shared/redis'
import { openSubscriber, type Subscriber } from '@parley/shared/subscriber'
import { createTokenVerifier, remoteKeys, type VerifyToken } from '@parley/shared/tokens'
import { openTracing, type Tracing } from '@parley/shared/tracing'
import type { Registry as Metrics } from 'prom-client'
import type { Config } from './config.ts'
import { watchLag } from './connections/event-loop-lag.ts'
import { createGovernor, type Governor } from './connections/governor.ts'
import { createRegistry, type Registry } from './connections/registry.ts'
import { createReturnTickets, type ReturnTickets } from './connections/return-ticket.ts'
import { createRoomChanges, type RoomChanges } from './connections/room-changes.ts'
import { type Load, type LoadSample, measureProcess, watchLoad } from './load/load.ts'
import { type MessagesClient, openMessagesClient } from './messages-client.ts'
import { createDeliveryMarks, type DeliveryMarks } from './receipts/delivery-marks.ts'

/** Everything a handler may reach for. */
export interface Context {
  config: Config
  log: Logger
  metrics: Metrics
  /** Undefined where nothing is recorded. */
  tracing: Tracing | undefined
  /** Presence. */
  redis: RedisClient
  /** The adapter's two: one that fails at once when Redis is away, one that only listens. */
  publisher: RedisClient
  subscriber: Subscriber
  verifyToken: VerifyToken
  messages: MessagesClient
  deliveryMarks: DeliveryMarks
  registry: Registry
  roomChanges: RoomChanges
  governor: Governor
  tickets: ReturnTickets
  load: Load
}

/** What a test puts in the place of the real thing. */
export interface Overrides {
  measureLoad?: () => LoadSample
}

/** The composition root. Redis may be away at start as at any other time: people can send and sync without it. */
export async function createContext(
  config: Config,
  { measureLoad }: Overrides = {},
): Promise<Context & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const log = createLogger('gateway', config.log).child({ gatewayId: config.gatewayId })
  const metrics = createMetrics('gateway')
  const tracing = opened.use(
    await openTracing({
      config: config.tracing,
      service: 'gateway',
      instance: config.gatewayId,
      log,
      metrics,
    }),
  )

  const open = (use: 'request' | 'publish') =>
    opened.adopt(openRedis({ ...config.redis, use }, log), (client) => client.disconnect())
  const redis = open('request')
  const publisher = open('publish')
  const subscriber = opened.use(openSubscriber(config.redis, log))
  await connectSoon(redis, publisher)

  const messages = opened.use(
    openMessagesClient({ urls: config.messagesUrls, secret: config.internalSecret, tracing }),
  )
  const deliveryMarks = opened.use(createDeliveryMarks(messages))
  const verifyToken = createTokenVerifier(remoteKeys(config.jwksUrl), config.userTokens)
  const registry = createRegistry(config)
  const { lagMs } = opened.use(watchLag())
  const governor = createGovernor({ lagMs })
  const load = opened.use(
    watchLoad({ limits: config.shed, metrics, measure: measureLoad ?? measureProcess(lagMs) }),
  )

  const owned = opened.move()
  return {
    config,
    log,
    metrics,
    tracing,
    redis,
    publisher,
    subscriber,
    verifyToken,
    messages,
    deliveryMarks,
    registry,
    roomChanges: createRoomChanges(),
    governor,
    tickets: createReturnTickets(config.internalSecret),
    load,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
