import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { SessionId } from '@parley/shared/ids'
import { createLogger } from '@parley/shared/log'
import { openRpc } from '@parley/shared/rpc-client'
import { startInternalPeer } from '@parley/testing/internal-peer'
import { createDatabase } from '@parley/testing/postgres'
import { startPrivateRedis } from '@parley/testing/redis'
import { startTokenIssuer } from '@parley/testing/token-issuer'
import { test as base, inject } from 'vitest'
import { type Config, loadConfig } from '../src/config.ts'
import { migrate } from '../src/db/database.ts'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'

const secret = 'a secret of the tests'

/** What messages would answer, for tests to change. Users and media not named here see nothing. */
export interface Peer {
  ended: Set<string>
  /** `<userId> <mediaId>` */
  visible: Set<string>
  /** Thrown by every answer, when set. */
  failure: Error | undefined
  asked: string[]
}

const log = createLogger('migrate', { level: 'silent' })
const migrated = { name: 'media', fill: (url: string) => migrate({ url }, log) }

/** The origin that browsers may ask from. */
export const webApp = 'https://chat.example'

export const test = base
  .extend('issuer', { scope: 'file' }, async ({}, { onCleanup }) => {
    const issuer = await startTokenIssuer()
    onCleanup(() => issuer[Symbol.asyncDispose]())
    return issuer
  })
  .extend('peer', { scope: 'file' }, async (): Promise<Peer> => {
    return { ended: new Set(), visible: new Set(), failure: undefined, asked: [] }
  })
  .extend('messagesUrl', { scope: 'file' }, async ({ peer }, { onCleanup }) => {
    const ask = <T>(method: string, answer: T): T => {
      peer.asked.push(method)
      if (peer.failure) throw peer.failure
      return answer
    }
    const server = await startInternalPeer({
      secret,
      handlers: {
        'sessions/ended': ({ sessionIds }) =>
          ask('sessions/ended', {
            ended: sessionIds
              .filter((id: SessionId) => peer.ended.has(id))
              .map((sessionId) => ({ sessionId, reason: 'revoked' })),
          }),
        'media-access/check': ({ userId, mediaId }) =>
          ask('media-access/check', { visible: peer.visible.has(`${userId} ${mediaId}`) }),
        'media-access/needed': ({ mediaIds }) => ask('media-access/needed', { needed: mediaIds }),
      },
    })
    onCleanup(() => server[Symbol.asyncDispose]())
    return server.url
  })
  .extend('config', { scope: 'file' }, async ({ issuer, messagesUrl }, { onCleanup }): Promise<Config> => {
    const owned = new AsyncDisposableStack()
    onCleanup(() => owned.disposeAsync())
    const database = owned.use(await createDatabase(inject('postgresUrl'), migrated))
    // The queue has a fixed name, so files that ran at once on one server would take each other's jobs.
    const redis = owned.use(await startPrivateRedis())
    const directory = await mkdtemp(path.join(tmpdir(), 'parley-media-test-'))
    owned.defer(() => rm(directory, { recursive: true, force: true }))
    const config = loadConfig({
      PORT: '0',
      INTERNAL_PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      INTERNAL_SECRET: secret,
      MESSAGES_URLS: messagesUrl,
      AUTH_JWKS_URL: issuer.jwksUrl,
      MAX_UPLOAD_BYTES: String(8 * 1024 ** 2),
      MAX_PENDING_UPLOADS: '5',
      ALLOWED_ORIGINS: webApp,
      STORAGE: 'fs',
      STORAGE_FS_PATH: directory,
      LINK_SECRET: randomUUID(),
    })
    return config
  })
  .extend('service', { scope: 'file' }, async ({ config }, { onCleanup }) => {
    const service = await startMedia(config)
    onCleanup(() => service[Symbol.asyncDispose]())
    return service
  })
  .extend('signIn', ({ service, issuer, config }) => {
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : service.url
    return async (userId: string = `user-${randomUUID()}`, sessionId: string = randomUUID()) => {
      const token = await issuer.sign({ userId, sessionId })
      return createClient({ url: service.url, publicUrl, token, userId, sessionId })
    }
  })
  .extend('internal', async ({ service }, { onCleanup }) => {
    const rpc = openRpc({ baseUrl: service.internalUrl, secret })
    onCleanup(() => rpc[Symbol.asyncDispose]())
    return rpc
  })
