import { generateKeyPairSync } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import { createLogger } from '@parley/shared/log'
import type { MediaFacts } from '@parley/shared/media'
import { openPool } from '@parley/shared/postgres'
import { toBatchReply } from '@parley/shared/rpc'
import { openRpc } from '@parley/shared/rpc-client'
import { createApi } from '@parley/testing/chat-api'
import { startInternalPeer, type RpcHandlers } from '@parley/testing/internal-peer'
import { createDatabase } from '@parley/testing/postgres'
import { startPrivateRedis } from '@parley/testing/redis'
import { test as base, inject } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { migrate, schema } from '../src/db/database.ts'
import { startMessages } from '../src/service.ts'

const secret = 'a secret between services'
const signingKey = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

/** How the media service is, from now on: how often it is away, and what each of its answers waits for. */
export const mediaTrouble = { awayTimes: 0, asked: 0, until: Promise.resolve() }
/** Media that the media service would call ready, by id. */
export const readyMedia = new Map<string, { ownerId: string; facts: MediaFacts }>()

const mediaHandlers: RpcHandlers = {
  'media/claim': async ({ claims }) => {
    mediaTrouble.asked++
    await mediaTrouble.until
    if (mediaTrouble.awayTimes-- > 0) throw new AppError('unavailable', 'it restarts')
    return toBatchReply(
      claims.map(({ userId, mediaId }) => {
        const known = readyMedia.get(mediaId)
        return known?.ownerId === userId ? known.facts : new AppError('not_found', 'no such media')
      }),
    )
  },
}

const log = createLogger('migrate', { level: 'silent' })
const migrated = { name: 'messages', fill: (url: string) => migrate({ url }, log) }

/** The origin that browsers may ask from. */
export const webApp = 'https://chat.example'

/** A running messages service with a database and a Redis of its own, one per test file. */
export const test = base
  .extend('redisUrl', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startPrivateRedis()
    onCleanup(() => redis[Symbol.asyncDispose]())
    return redis.url
  })
  .extend('config', { scope: 'file' }, async ({ redisUrl }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    const database = opened.use(await createDatabase(inject('postgresUrl'), migrated))
    const media = opened.use(await startInternalPeer({ secret, handlers: mediaHandlers }))
    const config = loadConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      INTERNAL_PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      INTERNAL_SECRET: secret,
      MEDIA_URL: media.url,
      AUTH_SIGNING_KEY: signingKey,
      PASSWORD_SCRYPT_COST: '10',
      ACK_WAIT_MS: '2000',
      BACKGROUND_ACK_WAIT_MS: '700',
      ALLOWED_ORIGINS: webApp,
      SIGN_UPS_PER_ADDRESS: '100000',
      LOG_INS_PER_ADDRESS: '100000',
    })
    return config
  })
  .extend('service', { scope: 'file' }, async ({ config }, { onCleanup }) => {
    const service = await startMessages(config)
    onCleanup(() => service[Symbol.asyncDispose]())
    return service
  })
  // What a test fills tables with: thousands of rows in one statement, for which the service's own bound is none.
  .extend('pool', { scope: 'file' }, ({ config }, { onCleanup }) => {
    const pool = openPool({ ...config.database, poolSize: 1, schema, statementTimeoutMs: 0 }, log)
    onCleanup(() => pool.end())
    return pool
  })
  .extend('api', { scope: 'file' }, ({ service }) => createApi(service.url))
  .extend('rpc', { scope: 'file' }, ({ service }, { onCleanup }) => {
    const rpc = openRpc({ baseUrl: service.internalUrl, secret })
    onCleanup(() => rpc[Symbol.asyncDispose]())
    return rpc
  })
