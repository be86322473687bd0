import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { loadUserTokens } from '@parley/shared/user-tokens'
import { createApi, logIn, signUp } from '@parley/testing/chat-api'
import { SignJWT } from 'jose'
import { describe, expect } from 'vitest'
import { startMessages } from '../src/service.ts'
import { test as base } from './fixture.ts'

const sharedSecret = 'a secret of the back end, long enough'
const settings = {
  USER_TOKEN_AUDIENCE: 'parley',
  USER_TOKEN_MAX_TTL_SECONDS: 3_600,
  USER_TOKEN_ISSUER: 'shop',
}

interface Claims {
  sub?: string
  did?: string
  iat?: number
  ttlSeconds?: number
  key?: Parameters<SignJWT['sign']>[0]
  alg?: string
}

const secretKey = new TextEncoder().encode(sharedSecret)
const sign = (more: Claims = {}) => {
  const {
    sub = `u-${randomUUID()}`,
    did = 'phone',
    iat = Math.floor(Date.now() / 1_000),
    ttlSeconds = 600,
  } = more
  return new SignJWT({ did, plat: 'web', name: 'Ada' })
    .setProtectedHeader({ alg: more.alg ?? 'HS256' })
    .setIssuer('shop')
    .setAudience('parley')
    .setSubject(sub)
    .setIssuedAt(iat)
    .setExpirationTime(iat + ttlSeconds)
    .sign(more.key ?? secretKey)
}

const test = base.extend('withTokens', { scope: 'file' }, async ({ config }, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  return async (key: object, operatorAccounts: 'create' | 'refuse' = 'create') => {
    const userTokens = loadUserTokens({ ...settings, ...key } as Parameters<typeof loadUserTokens>[0])
    const sessions = { ...config.sessions, operatorAccounts }
    return createApi(opened.use(await startMessages({ ...config, userTokens, sessions })).url)
  }
})

describe("tokens of the operator's own back end", () => {
  test('A3.5 P9 open a session at first sight, by secret or public key, and no other key passes', async ({
    withTokens,
  }) => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const [bySecret, byKey] = [
      await withTokens({ USER_TOKEN_SECRET: sharedSecret }),
      await withTokens({ USER_TOKEN_PUBLIC_KEY: pem }),
    ]
    expect((await bySecret.get('/v1/sessions', await sign())).status).toBe(200)
    const signed = await sign({ key: privateKey, alg: 'EdDSA' })
    expect((await byKey.get('/v1/sessions', signed)).status).toBe(200)
    // The public key is known to everybody: it must not pass as a secret.
    const confused = await sign({ key: new TextEncoder().encode(pem) })
    expect((await byKey.get('/v1/sessions', confused)).status).toBe(401)
    expect((await bySecret.get('/v1/sessions', signed)).status).toBe(401)
  })

  test('P9 that live too long, come from the future or have ended are refused', async ({ withTokens }) => {
    const api = await withTokens({ USER_TOKEN_SECRET: sharedSecret })
    const now = Math.floor(Date.now() / 1_000)
    const code = async (token: string) => (await api.get('/v1/sessions', token)).body.error?.code
    expect(await code(await sign({ ttlSeconds: 3_601 }))).toBe('unauthenticated')
    expect(await code(await sign({ iat: now + 300 }))).toBe('unauthenticated')
    expect(await code(await sign({ iat: now - 900 }))).toBe('token_expired')
    expect(await code(await sign({ sub: 'not a user id' }))).toBe('unauthenticated')
  })

  test('P9 from before a logout hold no longer, and a later one comes in', async ({ withTokens }) => {
    const api = await withTokens({ USER_TOKEN_SECRET: sharedSecret })
    const sub = `u-${randomUUID()}`
    const now = Math.floor(Date.now() / 1_000)
    const old = await sign({ sub, iat: now - 10 })
    expect((await api.delete('/v1/sessions/current', old)).status).toBe(204)
    expect((await api.get('/v1/sessions', old)).status).toBe(401)
    const later = await sign({ sub, iat: now + 5 })
    expect((await api.get('/v1/sessions', later)).status).toBe(200)
    expect((await api.get('/v1/sessions', old)).status).toBe(401)
  })

  test('P9 of a user without an account are refused where the configuration says so', async ({
    withTokens,
  }) => {
    const api = await withTokens({ USER_TOKEN_SECRET: sharedSecret }, 'refuse')
    expect((await api.get('/v1/sessions', await sign())).body.error?.code).toBe('unauthenticated')
    const { userId } = await signUp(api)
    expect((await api.get('/v1/sessions', await sign({ sub: userId, did: 'web' }))).status).toBe(200)
    expect((await api.get('/v1/sessions', (await logIn(api, userId)).token)).status).toBe(200)
  })

  test('are off without configuration', async ({ api }) => {
    expect((await api.get('/v1/sessions', await sign())).status).toBe(401)
  })
})
