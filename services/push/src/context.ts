import { createLogger } from '@parley/shared/log'
import type { PushTokenKind } from '@parley/shared/protocol'
import { openRedis } from '@parley/shared/redis'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { type MessagesClient, openMessagesClient } from './messages-client.ts'
import { createPushMetrics, type PushMetrics } from './metrics.ts'
import { createApns } from './providers/apns/apns.ts'
import { createFcm } from './providers/fcm/fcm.ts'
import { notConfigured, type PushProvider } from './providers/provider.ts'

/** Everything a use case may reach for. Handlers take this, or the part of it they need. */
export interface Context {
  log: Logger
  metrics: PushMetrics
  redis: Redis
  /** For the queue: it waits for Redis where `redis` gives up. */
  queueRedis: Redis
  messages: MessagesClient
  /** Who alerts a kind of token. A kind that is not here is not alerted by this service. */
  alertProviders: Partial<Record<PushTokenKind, PushProvider>>
}

/**
 * The composition root: the one place that turns configuration into live resources.
 * Each is registered for release as it is opened, so a failure half-way leaks nothing
 * and disposal runs in reverse order.
 */
export async function createContext(config: Config): Promise<Context & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()

  const log = createLogger('push', config.log)
  const metrics = createPushMetrics()
  const redis = opened.adopt(openRedis(config.redis, log), (client) => client.disconnect())
  const queueRedis = opened.adopt(openRedis({ ...config.redis, use: 'worker' }, log), (client) =>
    client.disconnect(),
  )
  await Promise.all([redis.connect(), queueRedis.connect()])
  const messages = opened.use(
    openMessagesClient({ urls: config.messages.urls, secret: config.internalSecret }),
  )

  const provider = (name: 'apns' | 'fcm') => ({
    redis,
    log,
    minted: metrics.minted(name),
    count: metrics.connection(name),
  })
  const apns = config.apns ? opened.use(createApns(config.apns, provider('apns'))) : notConfigured('apns')
  const fcm = config.fcm ? opened.use(createFcm(config.fcm, provider('fcm'))) : notConfigured('fcm')
  log.info({ apns: Boolean(config.apns), fcm: Boolean(config.fcm) }, 'push providers')

  const owned = opened.move()
  return {
    log,
    metrics,
    redis,
    queueRedis,
    messages,
    alertProviders: { apns, fcm },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
