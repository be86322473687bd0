import { randomUUID } from 'node:crypto'
import type { SessionId } from '@parley/shared/ids'
import type { Caller } from '@parley/shared/rpc'
import { type Api, logIn, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test as base } from './fixture.ts'

const secret = 'a secret between services'

type Admin = (method: string, path: string, body?: object) => Promise<number>

const test = base
  .extend(
    'admin',
    { scope: 'file' },
    ({ service }) =>
      async (method: string, path: string, body?: object) => {
        const response = await fetch(new URL(path, service.internalUrl), {
          method,
          headers: { 'x-parley-internal': secret, ...(body ? { 'content-type': 'application/json' } : {}) },
          ...(body ? { body: JSON.stringify(body) } : {}),
        })
        return response.status
      },
  )
  .extend('pushTokensOf', { scope: 'file' }, ({ service }) => async (userId: string) => {
    const { rows } = await service.ctx.pool.query<{ token: string }>(
      'select token from push_token where user_id = $1',
      [userId],
    )
    return rows.map(({ token }) => token)
  })

const bind = (api: Api, { token }: Pick<Person, 'token'>, value: string) =>
  api.put('/v1/devices/current/push', { kind: 'fcm', token: value }, token)
const refresh = (api: Api, { refreshToken }: Pick<Person, 'refreshToken'>) =>
  api.post('/v1/sessions/refresh', { refreshToken })
const logInFully = async (api: Api, { userId, password }: Person, id = 'phone') =>
  (await api.post('/v1/sessions', { userId, password, device: { id, platform: 'ios' } })).body

describe('a logout ticket', () => {
  test('P9 ends its session after the access token is gone, any number of times', async ({
    api,
    pushTokensOf,
  }) => {
    const person = await signUp(api)
    const { logoutTicket, refreshToken, accessToken } = await logInFully(api, person)
    await bind(api, { token: accessToken ?? '' }, randomUUID())
    for (let i = 0; i < 3; i++)
      expect((await api.post('/v1/sessions/logout', { ticket: logoutTicket })).status).toBe(204)
    expect((await api.get('/v1/sessions', accessToken)).status).toBe(401)
    expect((await refresh(api, { refreshToken: refreshToken ?? '' })).status).toBe(401)
    expect(await pushTokensOf(person.userId)).toEqual([])
  })

  test('P9 handed in late leaves the session that came after it alone, and its push', async ({
    api,
    pushTokensOf,
  }) => {
    const person = await signUp(api)
    const { logoutTicket } = await logInFully(api, person)
    const later = await logIn(api, person.userId)
    const value = randomUUID()
    await bind(api, later, value)
    expect((await api.post('/v1/sessions/logout', { ticket: logoutTicket })).status).toBe(204)
    expect((await api.get('/v1/sessions', later.token)).status).toBe(200)
    expect(await pushTokensOf(person.userId)).toEqual([value])
  })

  test('P9 opens nothing, and nothing else passes for one', async ({ api }) => {
    const person = await signUp(api)
    const { logoutTicket, accessToken } = await logInFully(api, person)
    expect((await api.get('/v1/sessions', logoutTicket)).status).toBe(401)
    for (const ticket of [accessToken, 'nonsense', `${logoutTicket}x`]) {
      expect(await api.post('/v1/sessions/logout', { ticket })).toMatchObject({
        status: 401,
        body: { error: { code: 'unauthenticated' } },
      })
    }
    expect((await api.post('/v1/sessions/logout', {})).body.error?.code).toBe('invalid_request')
    expect((await api.get('/v1/sessions', accessToken)).status).toBe(200)
  })

  test('P9 is given with a refresh too, for the same session', async ({ api }) => {
    const person = await signUp(api)
    const { body } = await refresh(api, person)
    expect((await api.post('/v1/sessions/logout', { ticket: body['logoutTicket'] })).status).toBe(204)
    expect((await api.get('/v1/sessions', person.token)).status).toBe(401)
  })
})

describe('the own sessions', () => {
  test('are listed with device, address and the one that asks', async ({ api }) => {
    const phone = await signUp(api)
    await logIn(api, phone.userId, 'tablet')
    const { status, body } = await api.get('/v1/sessions', phone.token)
    expect(status).toBe(200)
    expect(body['sessions']).toMatchObject([
      { deviceId: 'phone', platform: 'ios', address: '127.0.0.1', current: true },
      { deviceId: 'tablet', platform: 'ios', current: false },
    ])
  })

  test('P9 one of them is ended by its id, and only by its own user', async ({ api, pushTokensOf }) => {
    const phone = await signUp(api)
    const tablet = await logIn(api, phone.userId, 'tablet')
    await bind(api, tablet, randomUUID())
    const { body } = await api.get('/v1/sessions', phone.token)
    const sessions: { sessionId: string; deviceId: string }[] = body['sessions'] ?? []
    const path = `/v1/sessions/${sessions.find(({ deviceId }) => deviceId === 'tablet')?.sessionId}`
    const stranger = await signUp(api)
    expect((await api.delete(path, stranger.token)).body.error?.code).toBe('not_found')
    expect((await api.delete('/v1/sessions/nonsense', phone.token)).body.error?.code).toBe('invalid_request')
    expect((await api.get('/v1/sessions', tablet.token)).status).toBe(200)
    expect((await api.delete(path, phone.token)).status).toBe(204)
    expect((await api.get('/v1/sessions', tablet.token)).status).toBe(401)
    expect((await api.get('/v1/sessions', phone.token)).status).toBe(200)
    expect(await pushTokensOf(phone.userId)).toEqual([])
    expect((await api.delete(path, phone.token)).status).toBe(404)
  })

  test('P9 all of them end at once, or all but the one that asks', async ({ api }) => {
    const phone = await signUp(api)
    const tablet = await logIn(api, phone.userId, 'tablet')
    expect((await api.delete('/v1/sessions?except=current', phone.token)).status).toBe(204)
    expect((await api.get('/v1/sessions', tablet.token)).status).toBe(401)
    expect((await api.get('/v1/sessions', phone.token)).status).toBe(200)
    expect((await api.delete('/v1/sessions?except=everything', phone.token)).status).toBe(400)
    expect((await api.delete('/v1/sessions', phone.token)).status).toBe(204)
    expect((await api.get('/v1/sessions', phone.token)).status).toBe(401)
  })
})

describe('a password change', () => {
  const change = (api: Api, person: Person, currentPassword: string, newPassword: string) =>
    api.put('/v1/accounts/current/password', { currentPassword, newPassword }, person.token)

  test('P9 ends every other session, and only the new password logs in', async ({ api }) => {
    const phone = await signUp(api)
    const tablet = await logIn(api, phone.userId, 'tablet')
    expect((await change(api, phone, phone.password, 'a new and better one')).status).toBe(204)
    expect((await api.get('/v1/sessions', phone.token)).status).toBe(200)
    expect((await api.get('/v1/sessions', tablet.token)).status).toBe(401)
    expect((await refresh(api, tablet)).status).toBe(401)
    const device = { id: 'web', platform: 'web' }
    const [old, fresh] = [phone.password, 'a new and better one'].map((password) =>
      api.post('/v1/sessions', { userId: phone.userId, password, device }),
    )
    expect([(await old)?.status, (await fresh)?.status]).toEqual([401, 201])
  })

  test('P9 needs the old password, and guessing it is as slow as guessing at the log-in', async ({ api }) => {
    const phone = await signUp(api)
    expect((await change(api, phone, phone.password, 'short')).body.error?.code).toBe('invalid_request')
    const codes = []
    for (let i = 0; i < 11; i++)
      codes.push((await change(api, phone, `guess number ${i}`, 'a new and better one')).body.error?.code)
    expect(codes).toEqual([...Array.from({ length: 10 }, () => 'unauthenticated'), 'rate_limited'])
    expect((await api.get('/v1/sessions', phone.token)).status).toBe(200)
  })
})

describe('a suspended account', () => {
  test('A3.10 P9 is shut out everywhere until it is restored, and told why', async ({
    api,
    admin,
    rpc,
    pushTokensOf,
  }) => {
    const person = await signUp(api)
    await bind(api, person, randomUUID())
    const { body } = await api.get('/v1/sessions', person.token)
    const sessions: { sessionId: SessionId }[] = body['sessions'] ?? []
    const { sessionId } = sessions[0] ?? expect.fail('no session')
    const path = `/admin/accounts/${person.userId}/suspension`
    expect(await admin('PUT', path, { reason: 'spam' })).toBe(204)
    const suspended = { status: 403, body: { error: { code: 'account_suspended' } } }
    expect(await api.get('/v1/sessions', person.token)).toMatchObject(suspended)
    expect(await refresh(api, person)).toMatchObject(suspended)
    const device = { id: 'phone', platform: 'ios' }
    const attempt = (password: string) =>
      api.post('/v1/sessions', { userId: person.userId, password, device })
    expect(await attempt(person.password)).toMatchObject(suspended)
    // Who does not know the password does not learn of the suspension.
    expect((await attempt('wrong password')).body.error?.code).toBe('unauthenticated')
    expect(await pushTokensOf(person.userId)).toEqual([])
    const caller = { ...person, sessionId, platform: 'ios' } as unknown as Caller
    expect(await rpc.call('sessions/open', { sessions: [caller] })).toMatchObject({
      results: [{ ok: false, error: { code: 'account_suspended' } }],
    })
    expect(await rpc.call('sessions/ended', { sessionIds: [sessionId] })).toEqual({
      ended: [{ sessionId, reason: 'suspended' }],
    })
    expect(await admin('DELETE', path)).toBe(204)
    expect((await api.get('/v1/sessions', person.token)).body.error?.code).toBe('unauthenticated')
    expect((await api.get('/v1/sessions', (await logIn(api, person.userId)).token)).status).toBe(200)
  })

  test('P9 no log-in that races a suspension leaves a session behind', async ({ api, admin, service }) => {
    for (let round = 0; round < 5; round++) {
      const person = await signUp(api)
      await Promise.all([
        ...Array.from({ length: 4 }, (_, i) =>
          logIn(api, person.userId, `device-${i}`).catch(() => undefined),
        ),
        admin('PUT', `/admin/accounts/${person.userId}/suspension`, {}),
      ])
      const { rows } = await service.ctx.pool.query(
        'select 1 from session where user_id = $1 and ended_at is null',
        [person.userId],
      )
      expect(rows).toEqual([])
    }
  })

  test('P9 only who has the secret of the cluster suspends, and nobody from outside', async ({
    api,
    service,
    admin,
  }) => {
    const person = await signUp(api)
    const path = `/admin/accounts/${person.userId}/suspension`
    const withoutSecret = await fetch(new URL(path, service.internalUrl), { method: 'DELETE' })
    expect(withoutSecret.status).toBe(403)
    expect((await api.put(path, {}, person.token)).status).toBe(404)
    expect(await admin('PUT', '/admin/accounts/nobody-at-all/suspension', {})).toBe(404)
    expect(await admin('PUT', path, { reason: '' })).toBe(400)
    expect((await api.get('/v1/sessions', person.token)).status).toBe(200)
  })

  test('P9 an operator ends all sessions of a user, who may log in again', async ({ api, admin }) => {
    const person = await signUp(api)
    expect(await admin('DELETE', `/admin/accounts/${person.userId}/sessions`)).toBe(204)
    expect((await api.get('/v1/sessions', person.token)).status).toBe(401)
    expect((await api.get('/v1/sessions', (await logIn(api, person.userId)).token)).status).toBe(200)
  })
})

describe('a device whose session expired while it was away', () => {
  const endings: [string, (api: Api, person: Person, admin: Admin) => Promise<number>][] = [
    [
      'everybody is logged out',
      async (api, person) =>
        (await api.delete('/v1/sessions', (await logIn(api, person.userId, 'web')).token)).status,
    ],
    [
      'the password is changed',
      async (api, person) => {
        const { token } = await logIn(api, person.userId, 'web')
        const passwords = { currentPassword: person.password, newPassword: randomUUID() }
        return (await api.put('/v1/accounts/current/password', passwords, token)).status
      },
    ],
    [
      'the account is suspended',
      (_api, person, admin) => admin('PUT', `/admin/accounts/${person.userId}/suspension`, {}),
    ],
  ]

  test.for(endings)(
    'P9 gets no push any more once %s',
    async ([, end], { api, admin, service, pushTokensOf }) => {
      const person = await signUp(api)
      await bind(api, person, randomUUID())
      await service.ctx.pool.query(
        `update session set expires_at = now() - interval '1 minute' where user_id = $1`,
        [person.userId],
      )
      expect(await end(api, person, admin)).toBe(204)
      expect(await pushTokensOf(person.userId)).toEqual([])
    },
  )
})
