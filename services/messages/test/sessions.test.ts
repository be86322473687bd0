import { logIn, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test } from './fixture.ts'

const device = { id: 'phone', platform: 'ios' }

describe('accounts and sessions', () => {
  test('A3.3 an id that differs only in case from another is taken', async ({ api }) => {
    const { userId, password } = await signUp(api, 'casey')
    expect(await api.post('/v1/accounts', { userId: userId.toUpperCase(), password })).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict' } },
    })
  })

  test('A3.4 a wrong password and an unknown user are answered alike', async ({ api }) => {
    const { userId } = await signUp(api)
    const wrong = await api.post('/v1/sessions', { userId, password: 'not the password', device })
    const unknown = await api.post('/v1/sessions', {
      userId: 'who-is-this',
      password: 'not the password',
      device,
    })
    expect(wrong.status).toBe(401)
    expect(unknown.body).toEqual(wrong.body)
  })

  test('A3.4 after ten failures in a minute the next has to wait', async ({ api }) => {
    const { userId } = await signUp(api)
    for (let i = 0; i < 10; i++)
      await api.post('/v1/sessions', { userId, password: 'guess number one', device })
    const reply = await api.post('/v1/sessions', { userId, password: 'guess number two', device })
    expect(reply).toMatchObject({ status: 429, body: { error: { code: 'rate_limited', retryable: true } } })
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('A3.6 a refresh token gives new tokens, and the one before it works for a lost reply', async ({
    api,
  }) => {
    const person = await signUp(api)
    const first = await api.post('/v1/sessions/refresh', { refreshToken: person.refreshToken })
    expect(first.status).toBe(200)
    expect((await api.get('/v1/sync', first.body['accessToken'])).status).toBe(200)
    expect((await api.post('/v1/sessions/refresh', { refreshToken: person.refreshToken })).status).toBe(200)
  })

  test('two tabs that refresh at once, or a retry that overtakes, all get a session that goes on', async ({
    api,
    service,
  }) => {
    const person = await signUp(api)
    const refresh = async (refreshToken: string) => {
      const { status, body } = await api.post('/v1/sessions/refresh', { refreshToken })
      expect(status).toBe(200)
      return String(body['refreshToken'])
    }
    const [one, two] = await Promise.all([refresh(person.refreshToken), refresh(person.refreshToken)])
    const late = await refresh(person.refreshToken)
    await service.ctx.pool.query(
      `update session set rotated_at = now() - interval '2 minutes' where user_id = $1`,
      [person.userId],
    )
    const next = await refresh(one)
    expect(next).not.toBe(one)
    for (const other of [two, late]) expect(await refresh(other)).toBe(next)
  })

  test('a refresh token used long after it was replaced ends the session', async ({ api, service }) => {
    const person = await signUp(api)
    const { body } = await api.post('/v1/sessions/refresh', { refreshToken: person.refreshToken })
    await service.ctx.pool.query(
      `update session set rotated_at = now() - interval '2 minutes' where user_id = $1`,
      [person.userId],
    )
    expect((await api.post('/v1/sessions/refresh', { refreshToken: person.refreshToken })).status).toBe(401)
    expect((await api.get('/v1/sync', body['accessToken'])).status).toBe(401)
  })

  test('A3.8 P9 after logging out neither token works, and no push token is left', async ({
    api,
    service,
  }) => {
    const person = await signUp(api)
    await api.put('/v1/devices/current/push', { kind: 'fcm', token: 'token-of-someone' }, person.token)
    expect((await api.delete('/v1/sessions/current', person.token)).status).toBe(204)
    expect((await api.get('/v1/sync', person.token)).status).toBe(401)
    expect((await api.post('/v1/sessions/refresh', { refreshToken: person.refreshToken })).status).toBe(401)
    const { rows } = await service.ctx.pool.query('select 1 from push_token where user_id = $1', [
      person.userId,
    ])
    expect(rows).toEqual([])
  })

  test('a new login on a device ends the session the device had', async ({ api }) => {
    const first = await signUp(api)
    const second = await logIn(api, first.userId)
    const tablet = await logIn(api, first.userId, 'tablet')
    expect((await api.get('/v1/sync', first.token)).status).toBe(401)
    expect((await api.get('/v1/sync', second.token)).status).toBe(200)
    expect((await api.get('/v1/sync', tablet.token)).status).toBe(200)
  })

  test('A3.8 a push token that another user binds is taken from the one before', async ({ api, service }) => {
    const [one, two] = [await signUp(api), await signUp(api)]
    const binding = { kind: 'apns', token: 'ab'.repeat(32), topic: 'com.example.app' }
    await api.put('/v1/devices/current/push', binding, one.token)
    expect((await api.put('/v1/devices/current/push', binding, two.token)).status).toBe(204)
    const { rows } = await service.ctx.pool.query('select user_id from push_token where token = $1', [
      binding.token,
    ])
    expect(rows).toEqual([{ user_id: two.userId }])
  })

  test.for([
    ['no token', undefined],
    ['not a token', 'nonsense'],
    ['an unsigned token', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.'],
    ['a huge token', 'x'.repeat(8_000)],
  ] as const)('%s is refused', async ([, token], { api }) => {
    expect(await api.get('/v1/sync', token)).toMatchObject({
      status: 401,
      body: { error: { code: 'unauthenticated' } },
    })
  })

  test('internal calls need the secret, and are not on the public port', async ({ service, api }) => {
    const denied = await fetch(`${service.internalUrl}/rpc/sessions/ended`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    expect(denied.status).toBe(403)
    expect((await api.post('/rpc/sessions/ended', {})).status).toBe(404)
    expect((await api.get('/metrics')).status).toBe(404)
  })

  test('P10 in a flood of sign-ups each is done or refused with a code, and the service goes on', async ({
    api,
  }) => {
    const { userId } = await signUp(api)
    const replies = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        api.post('/v1/accounts', { userId: `${userId}-${i}`, password: 'long enough' }),
      ),
    )
    const done = replies.filter(({ status }) => status === 201)
    const refused = replies.filter(({ body }) => body.error?.code === 'overloaded')
    expect(done.length).toBeGreaterThan(0)
    expect(done.length + refused.length).toBe(replies.length)
    expect((await signUp(api)).token).not.toBe('')
  })

  test('P10 a user who asks without pause is told to wait', async ({ api }) => {
    const person = await signUp(api)
    const statuses: number[] = []
    // On a machine that answers few a second, the bucket fills meanwhile.
    while (!statuses.includes(429) && statuses.length < 4_500) {
      const replies = Array.from({ length: 450 }, () => api.get('/v1/sync', person.token))
      for (const { status } of await Promise.all(replies)) statuses.push(status)
    }
    expect(statuses).toContain(429)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(300)
  })
})
