import { observeQueues } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { callPush, chatPush, withdrawal } from '@parley/shared/queues'
import { connectSoon, openRedis, type RedisClient } from '@parley/shared/redis'
import { openTracing, type Tracing } from '@parley/shared/tracing'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { keepCredentials } from './credentials/keep-credentials.ts'
import { type DeadLetters, openDeadLetters } from './dead-letters/dead-letters.ts'
import { type MessagesClient, openMessagesClient } from './messages-client.ts'
import { createPushMetrics, type PushMetrics } from './metrics.ts'
import { createLull, type Lull } from './notify/lull.ts'
import { openProviders, type Providers } from './providers/providers.ts'

/** Everything a use case may reach for. Handlers take this, or the part of it they need. */
export interface Context {
  log: Logger
  metrics: PushMetrics
  /** Undefined where nothing is recorded. */
  tracing: Tracing | undefined
  redis: RedisClient
  /** For the queue: it waits for Redis where `redis` gives up. */
  queueRedis: RedisClient
  messages: MessagesClient
  providers: Providers
  /** For calls alone, over connections of their own: what waits for the sake of a chat never stands before a call. */
  callMessages: MessagesClient
  callProviders: Providers
  deadLetters: DeadLetters
  lull: Lull
  credentials: Awaited<ReturnType<typeof keepCredentials>>
}

// By the time a call has waited longer it may have been answered elsewhere; its job looks again.
const callPendingTimeoutMs = 2_000

/** How long the report of a push may wait for other pushes to go out. */
const reportWithinMs = 2_000

/**
 * The composition root: the one place that turns configuration into live resources.
 * Each is registered for release as it is opened, so a failure half-way leaks nothing
 * and disposal runs in reverse order.
 */
export async function createContext(config: Config): Promise<Context & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()

  const log = createLogger('push', config.log)
  const metrics = createPushMetrics()
  const tracing = opened.use(
    await openTracing({ config: config.tracing, service: 'push', log, metrics: metrics.registry }),
  )
  const redis = opened.adopt(openRedis(config.redis, log), (client) => client.disconnect())
  const queueRedis = opened.adopt(openRedis({ ...config.redis, use: 'worker' }, log), (client) =>
    client.disconnect(),
  )
  await connectSoon(redis, queueRedis)
  const { urls } = config.messages
  const messages = opened.use(openMessagesClient({ urls, secret: config.internalSecret, tracing }))
  const callMessages = opened.use(openMessagesClient({ urls, secret: config.internalSecret, tracing }))

  const providers = opened.use(openProviders({ redis, log, metrics }))
  const callProviders = opened.use(
    openProviders({ redis, log, metrics, pendingTimeoutMs: callPendingTimeoutMs, warm: true }),
  )
  const credentials = opened.use(
    await keepCredentials({ ...config.credentials, users: [providers, callProviders], log, metrics }),
  )
  opened.use(
    observeQueues([callPush, chatPush, withdrawal], { connection: redis, registry: metrics.registry, log }),
  )

  const owned = opened.move()
  return {
    log,
    metrics,
    tracing,
    redis,
    queueRedis,
    messages,
    providers,
    callMessages,
    callProviders,
    deadLetters: openDeadLetters(redis, metrics.registry),
    lull: createLull(reportWithinMs),
    credentials,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
