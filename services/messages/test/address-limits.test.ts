import { randomUUID as uuid } from 'node:crypto'
import { expect } from 'vitest'
import { startMessages } from '../src/service.ts'
import { test as base } from './fixture.ts'

const password = 'correct horse battery'

/** A service that lets an address sign up twice and log in three times a minute, behind a proxy it believes or not. */
const test = base.extend('behind', { scope: 'file' }, async ({ config }, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  return async (trustedProxies: typeof config.http.trustedProxies) => {
    const http = { ...config.http, trustedProxies }
    const perAddress = { signUpsPerMinute: 2, logInsPerMinute: 3 }
    const { url } = opened.use(await startMessages({ ...config, http, perAddress }))
    const post = async (path: string, from: string, body: object) => {
      const response = await fetch(new URL(path, url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': from },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: (await response.json()) as { error?: object } }
    }
    return {
      signUp: (from: string, userId = `u-${uuid()}`) => post('/v1/accounts', from, { userId, password }),
      logIn: (from: string, userId: string) =>
        post('/v1/sessions', from, { userId, password, device: { id: 'phone', platform: 'ios' } }),
    }
  }
})

const refused = {
  status: 429,
  body: { error: { code: 'rate_limited', retryable: true, retryAfterMs: expect.any(Number) } },
}

test('P10 one address signs up and logs in so often and no more, and others are not kept waiting', async ({
  behind,
}) => {
  const service = await behind(['loopback'])
  const userId = `u-${uuid()}`
  expect((await service.signUp('192.0.2.1', userId)).status).toBe(201)
  expect((await service.signUp('192.0.2.1')).status).toBe(201)
  expect(await service.signUp('192.0.2.1')).toMatchObject(refused)
  expect((await service.signUp('192.0.2.2')).status).toBe(201)
  for (let i = 0; i < 3; i++) expect((await service.logIn('192.0.2.3', userId)).status).toBe(201)
  expect(await service.logIn('192.0.2.3', userId)).toMatchObject(refused)
  expect((await service.logIn('192.0.2.4', userId)).status).toBe(201)
})

test('P10 the addresses of one IPv6 subscriber count as one', async ({ behind }) => {
  const service = await behind(['loopback'])
  expect((await service.signUp('2001:db8:1:2::1')).status).toBe(201)
  expect((await service.signUp('2001:db8:1:2:ffff::7')).status).toBe(201)
  expect(await service.signUp('2001:db8:1:2::3')).toMatchObject(refused)
  expect((await service.signUp('2001:db8:1:3::1')).status).toBe(201)
})

test('P10 what a client says of its own address is believed of trusted proxies alone', async ({ behind }) => {
  const service = await behind([])
  expect((await service.signUp('192.0.2.1')).status).toBe(201)
  expect((await service.signUp('192.0.2.2')).status).toBe(201)
  expect(await service.signUp('192.0.2.3')).toMatchObject(refused)
})
