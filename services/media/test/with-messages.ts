import { generateKeyPairSync } from 'node:crypto'
import { createLogger } from '@parley/shared/log'
import { createApi } from '@parley/testing/chat-api'
import { findFreePort } from '@parley/testing/free-port'
import { loadConfig as loadMessagesConfig } from '../../messages/src/config.ts'
import { migrate } from '../../messages/src/db/database.ts'
import { startMessages } from '../../messages/src/service.ts'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import { test as base } from './fixture.ts'

/** media beside the real messages, both on one database: `api` leads to messages, `media` holds the other's context. */
export const test = base
  .extend('internalPort', { scope: 'file' }, () => findFreePort())
  .extend('messagesService', { scope: 'file' }, async ({ config, internalPort }, { onCleanup }) => {
    const messagesConfig = loadMessagesConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      INTERNAL_PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: config.database.url,
      REDIS_URL: config.redis.url,
      INTERNAL_SECRET: config.internalSecret,
      MEDIA_URL: `http://127.0.0.1:${internalPort}`,
      AUTH_SIGNING_KEY: generateKeyPairSync('ed25519')
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
      PASSWORD_SCRYPT_COST: '10',
      SIGN_UPS_PER_ADDRESS: '100000',
      LOG_INS_PER_ADDRESS: '100000',
    })
    await migrate(messagesConfig.database, createLogger('migrate', { level: 'silent' }))
    const messages = await startMessages(messagesConfig)
    onCleanup(() => messages[Symbol.asyncDispose]())
    return messages
  })
  .extend('media', { scope: 'file' }, async ({ config, internalPort, messagesService }, { onCleanup }) => {
    const media = await startMedia({
      ...config,
      http: { ...config.http, internalPort },
      messagesUrls: [messagesService.internalUrl],
      jwksUrl: `${messagesService.url}/v1/jwks`,
      sweep: { ...config.sweep, everyMs: 20 },
    })
    onCleanup(() => media[Symbol.asyncDispose]())
    return media
  })
  .extend('api', { scope: 'file' }, ({ messagesService }) => createApi(messagesService.url))
  .extend('clientOf', ({ media, config }) => {
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    return ({ userId, token }: { userId: string; token: string }) =>
      createClient({ url: media.url, publicUrl, token, userId, sessionId: '' })
  })
