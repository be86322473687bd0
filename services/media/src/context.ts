import type { HttpApp } from '@parley/shared/http'
import type { MediaId } from '@parley/shared/ids'
import { observeQueues, openQueue } from '@parley/shared/jobs'
import { createLogger, type Logger } from '@parley/shared/log'
import { createMetrics } from '@parley/shared/metrics'
import { observePool } from '@parley/shared/observe-pool'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { mediaProcessing } from '@parley/shared/queues'
import { type Announcer, createAnnouncer } from '@parley/shared/realtime'
import { openRedis } from '@parley/shared/redis'
import { createTokenVerifier, remoteKeys, type VerifyToken } from '@parley/shared/tokens'
import { openTracing, type Tracing } from '@parley/shared/tracing'
import { createUserLimits, type UserLimits } from '@parley/shared/user-limits'
import type { Locker } from '@tus/server'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import type { Registry } from 'prom-client'
import type { Config } from './config.ts'
import type { Database } from './db/schema.ts'
import { checkFfmpeg } from './ffmpeg/ffmpeg.ts'
import { openMessagesClient, type MessagesClient } from './messages-client.ts'
import { createMediaMetrics, type MediaMetrics } from './metrics.ts'
import { type ImageProcesses, startImageProcesses } from './processing/image-processes.ts'
import { createSessionCheck, type SessionCheck } from './sessions.ts'
import { openStorage } from './storage/open-storage.ts'
import type { Storage } from './storage/storage.ts'
import { ticketRate } from './uploads/open-ticket.ts'
import { createUploadLocker } from './uploads/resumable/upload-locker.ts'

/** Everything a use case may reach for. Handlers take this, or the part of it they need. */
export interface Context {
  config: Config
  log: Logger
  registry: Registry
  metrics: MediaMetrics
  /** Undefined where nothing is recorded. */
  tracing: Tracing | undefined
  pool: Pool
  db: Kysely<Database>
  storage: Storage
  serveLinks: (app: HttpApp) => void
  /** Of each user, on this instance. */
  ticketLimits: UserLimits
  /** Of resumable uploads, over all instances. */
  locker: Locker
  messages: MessagesClient
  sessions: SessionCheck
  verifyToken: VerifyToken
  announcer: Announcer
  /** Makes pictures that somebody waits for, beside those that read uploads. */
  pictures: ImageProcesses
  /** Whether films and sounds are taken, which needs ffmpeg. */
  filmsAndSounds: boolean
  /** Best effort: Postgres says what is to be processed, and the sweep finds what the queue has lost. */
  enqueue: (jobs: { mediaId: MediaId; id: string; trace?: string | undefined }[]) => Promise<void>
}

/**
 * The composition root: the one place that turns configuration into live resources.
 * Each is registered for release as it is opened, so a failure half-way leaks nothing
 * and disposal runs in reverse order.
 */
export async function createContext(config: Config): Promise<Context & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()

  const log = createLogger('media', config.log)
  const registry = createMetrics('media')
  const tracing = opened.use(
    await openTracing({ config: config.tracing, service: 'media', log, metrics: registry }),
  )
  const pool = opened.adopt(openPool(config.database, log), (client) => client.end())
  observePool(pool, registry)
  const redis = opened.adopt(openRedis(config.redis, log), (client) => client.disconnect())
  const queue = opened.use(openQueue(mediaProcessing, redis, log))
  const publisher = opened.adopt(openRedis({ ...config.redis, use: 'publish' }, log), (client) =>
    client.disconnect(),
  )
  // It neither waits nor queues, so it connects by itself, now and whenever Redis is back.
  publisher.connect().catch((err: unknown) => log.warn({ err }, 'owners are not told until redis is back'))
  opened.use(observeQueues([mediaProcessing], { connection: redis, registry, log }))
  const { storage, serveLinks } = await openStorage(config.storage, log)
  opened.use(storage)
  const messages = opened.use(
    openMessagesClient({ urls: config.messagesUrls, secret: config.internalSecret, tracing }),
  )

  const { timeLimitMs, memoryLimitBytes } = config.processing
  const pictures = opened.use(startImageProcesses({ count: 1, timeLimitMs, memoryLimitBytes, log }))
  const missing = await checkFfmpeg(config.ffmpeg)
  if (missing) {
    log.warn({ missing }, 'films and sounds are refused: install ffmpeg, or set FFMPEG_PATH and FFPROBE_PATH')
  }

  const owned = opened.move()
  return {
    config,
    log,
    registry,
    metrics: createMediaMetrics(registry),
    tracing,
    pool,
    db: queryBuilder<Database>(pool),
    storage,
    serveLinks,
    ticketLimits: createUserLimits(ticketRate(config.uploads.maxPending)),
    locker: createUploadLocker(redis, log),
    messages,
    sessions: createSessionCheck(messages),
    verifyToken: createTokenVerifier(remoteKeys(config.jwksUrl), config.userTokens),
    announcer: createAnnouncer(publisher),
    pictures,
    filmsAndSounds: missing === undefined,
    async enqueue(jobs) {
      if (jobs.length === 0) return
      const added = queue.add(jobs.map(({ id, ...data }) => ({ data, id })))
      await within(enqueueDeadlineMs, added).catch((err: unknown) => {
        log.warn({ err, count: jobs.length }, 'uploads are left to the sweep')
      })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A client waits for this after an upload, and need not. */
const enqueueDeadlineMs = 2_000

async function within<T>(deadlineMs: number, asked: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer in ${deadlineMs} ms`)), deadlineMs)
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
