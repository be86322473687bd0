import { openQueue, type JobQueue } from '@parley/shared/jobs'
import { createLogger, type Logger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { observePool } from '@parley/shared/observe-pool'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { chatPush, withdrawal } from '@parley/shared/queues'
import { type Announcer, createAnnouncer } from '@parley/shared/realtime'
import { connectSoon, openRedis, type RedisClient } from '@parley/shared/redis'
import { createTokenVerifier, type VerifyToken } from '@parley/shared/tokens'
import { openTracing, type Tracing } from '@parley/shared/tracing'
import { createLocalJWKSet } from 'jose'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import type { Registry } from 'prom-client'
import { type BeforeSend, createBeforeSend } from './before-send/before-send.ts'
import type { Config } from './config.ts'
import { schema } from './db/database.ts'
import type { Database } from './db/schema.ts'
import { createAbsentees, startAbsentees } from './deliveries/absentees.ts'
import { startAttemptDays } from './deliveries/attempt-days.ts'
import { startRebuild } from './deliveries/rebuild.ts'
import {
  createWithdrawals,
  startWithdrawals,
  type WithdrawalQueue,
  type Withdrawals,
} from './deliveries/withdrawals.ts'
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts'
import { createPages, type Pages } from './log/pages.ts'
import { type MediaClient, openMediaClient } from './media-client.ts'
import { createMessageTypes, type MessageTypes } from './message-types/message-types.ts'
import { createCommitter, type Committer } from './messages/committer.ts'
import { loadPolicies, type Policies } from './policies/load-policies.ts'
import { createMarker, type Marker } from './receipts/marker.ts'
import { startIndexer } from './search/indexer.ts'
import { createSearcher, type Searcher } from './search/searcher.ts'
import { type AddressLimits, createAddressLimits } from './sessions/address-limits.ts'
import { createLoginThrottle, type LoginThrottle } from './sessions/login-throttle.ts'
import {
  contactRate,
  createRequestLimits,
  directoryRate,
  type RequestLimits,
  searchRate,
} from './sessions/request-limits.ts'
import { loadSigningKey, type SigningKey } from './sessions/signing-key.ts'
import { startOutboxLimit } from './webhooks/outbox-limit.ts'
import { startWebhooks, type Webhooks } from './webhooks/webhooks.ts'

/** Everything a use case may reach for. Handlers take this, or the part of it they need. */
export interface Context {
  config: Config
  log: Logger
  metrics: Registry
  /** Undefined where nothing is recorded. */
  tracing: Tracing | undefined
  pool: Pool
  db: Kysely<Database>
  redis: RedisClient
  announcer: Announcer
  media: MediaClient
  pushQueue: JobQueue<typeof chatPush.data>
  withdrawalQueue: WithdrawalQueue
  signingKey: SigningKey
  verifyToken: VerifyToken
  pages: Pages
  policies: Policies
  messageTypes: MessageTypes
  /** Undefined where there is no hook. */
  beforeSend: BeforeSend | undefined
  /** Undefined where there are no endpoints. */
  webhooks: Webhooks | undefined
  loginThrottle: LoginThrottle
  addressLimits: AddressLimits
  requestLimits: RequestLimits
  directoryLimits: RequestLimits
  contactLimits: RequestLimits
  searchLimits: RequestLimits
  dispatcher: Dispatcher
  committer: Committer
  withdrawals: Withdrawals
  searcher: Searcher
  marker: Marker
}

/**
 * The composition root: the one place that turns configuration into live resources.
 * Each is registered for release as it is opened, so a failure half-way leaks nothing
 * and disposal runs in reverse order.
 */
export async function createContext(config: Config): Promise<Context & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()

  const log = createLogger('messages', config.log)
  const metrics = createMetrics('messages')
  const tracing = opened.use(await openTracing({ config: config.tracing, service: 'messages', log, metrics }))
  const policies = loadPolicies(config.groupPoliciesFile)
  const signingKey = await loadSigningKey(config.tokens.signingKey)
  const verifyToken = createTokenVerifier(createLocalJWKSet(signingKey.jwks), config.userTokens)

  const pool = opened.adopt(openPool({ ...config.database, schema, plans: 'by-index' }, log), (it) =>
    it.end(),
  )
  observePool(pool, metrics)
  const db = queryBuilder<Database>(pool)
  const redis = opened.adopt(openRedis(config.redis, log), (it) => it.disconnect())
  const publisher = opened.adopt(openRedis({ ...config.redis, use: 'publish' }, log), (it) => it.disconnect())
  // Redis may be away at start as at any other time; what needs it then fails on its own and is found again.
  await connectSoon(redis, publisher)
  const announcer = createAnnouncer(publisher)
  const pushQueue = opened.use(openQueue(chatPush, redis, log))
  const withdrawalQueue = opened.use(openQueue(withdrawal, redis, log))
  const media = opened.use(
    openMediaClient({ baseUrl: config.mediaUrl, secret: config.internalSecret, tracing }),
  )

  const messageTypes = opened.use(createMessageTypes({ log, db }))
  opened.use(startOutboxLimit({ log, db }))
  const beforeSend =
    config.beforeSend &&
    opened.use(createBeforeSend({ config: config.beforeSend, log, db, registry: metrics }))
  const webhooks =
    config.webhooks.endpoints.length > 0
      ? opened.use(startWebhooks({ config, log, db, redis, registry: metrics }))
      : undefined
  const absentees = opened.use(
    startAbsentees(createAbsentees({ config, log, db, redis, pushQueue, announcer }), log),
  )
  opened.use(startRebuild({ log, db, redis, pushQueue }))
  const dispatcher = opened.use(
    createDispatcher({
      log,
      metrics,
      tracing,
      db,
      announcer,
      absentees,
      heirs: { toIndex: config.search.enabled, toWebhooks: config.webhooks.endpoints.length > 0 },
    }),
  )
  const committer = opened.use(createCommitter({ config, log, metrics, tracing, dispatcher }))
  opened.use(startAttemptDays({ log, db }))
  const withdrawals = createWithdrawals({ db, queue: withdrawalQueue })
  opened.use(startWithdrawals(withdrawals, log))
  const searcher = opened.use(createSearcher({ config, log }))
  if (config.search.enabled)
    opened.use(
      startIndexer({
        log,
        db,
        metrics,
        perSecond: config.search.indexedPerSecond,
        pressure: committer.watchPressure(),
      }),
    )
  const marker = createMarker({ pool, announcer, withdrawals, log })

  const owned = opened.move()
  return {
    config,
    log,
    metrics,
    tracing,
    pool,
    db,
    redis,
    announcer,
    media,
    pushQueue,
    withdrawalQueue,
    signingKey,
    verifyToken,
    pages: createPages(db),
    policies,
    messageTypes,
    beforeSend,
    webhooks,
    loginThrottle: createLoginThrottle(),
    addressLimits: createAddressLimits(config),
    requestLimits: createRequestLimits(),
    directoryLimits: createRequestLimits(directoryRate),
    contactLimits: createRequestLimits(contactRate),
    searchLimits: createRequestLimits(searchRate),
    dispatcher,
    committer,
    withdrawals,
    searcher,
    marker,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
