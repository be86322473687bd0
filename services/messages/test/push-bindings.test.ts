import { createECDH, randomBytes, randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { type Person, signUp } from '@parley/testing/chat-api'
import type { Pool } from 'pg'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { say, test as base } from './delivery-fixture.ts'

const test = base.extend(
  'bind',
  ({ api }) =>
    (who: Person, binding: object) =>
      api.put('/v1/devices/current/push', binding, who.token),
)

/** Holds what the statement locks until it is released, at the latest when the test is over. */
async function hold(pool: Pool, statement: string, of: unknown): Promise<() => Promise<unknown>> {
  const client = await pool.connect()
  onTestFinished(() => client.release(true))
  await client.query('begin')
  await client.query(statement, [of])
  return () => client.query('commit')
}
const waitForLocks = (pool: Pool, waiting: number) =>
  vi.waitUntil(async () => {
    const { rows } = await pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length === waiting
  })

function subscription() {
  const p256dh = createECDH('prime256v1').generateKeys('base64url')
  return {
    kind: 'webpush',
    token: `https://push.example.com/${uuid()}`,
    keys: { p256dh, auth: randomBytes(16).toString('base64url') },
  }
}

describe('a Web Push subscription', () => {
  test('is alerted at its endpoint, with its keys', async ({ api, rpc, bind }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const made = subscription()
    expect((await bind(bob, made)).status).toBe(204)
    const { conversationId, seq } = await say(api, alice, bob)
    const query = { conversationId, firstSeq: seq, lastSeq: seq, userIds: [bob.userId], claim: 'c' } as never
    expect((await rpc.call('deliveries/due', query)).deliveries).toMatchObject([
      { token: { kind: 'webpush', value: made.token, keys: made.keys } },
    ])
  })

  test.for([
    ['without keys', { keys: undefined }],
    ['with a key of another length', { keys: { p256dh: 'short', auth: 'short' } }],
    ['at an address without TLS', { token: 'http://push.example.com/x' }],
    ['at an address with a password', { token: 'https://user:secret@push.example.com/x' }],
    ['at no address', { token: 'somewhere' }],
  ] as const)('P9 %s is refused, and nothing is bound', async ([, change], { api, bind, service }) => {
    const bob = await signUp(api)
    const refused = await bind(bob, { ...subscription(), ...change })
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } })
    const { rows } = await service.ctx.pool.query('select 1 from push_token where user_id = $1', [bob.userId])
    expect(rows).toEqual([])
  })

  test('that takes the place of another token brings its own keys', async ({ api, bind, service }) => {
    const bob = await signUp(api)
    await bind(bob, subscription())
    const next = subscription()
    await bind(bob, next)
    const { rows } = await service.ctx.pool.query('select token, keys from push_token where user_id = $1', [
      bob.userId,
    ])
    expect(rows).toEqual([{ token: next.token, keys: next.keys }])
  })
})

describe('where a device is rung', () => {
  test('P7 is its token for calls, else the newest it has, and one for each device', async ({
    api,
    rpc,
    bind,
  }) => {
    const bob = await signUp(api)
    const targets = async () => (await rpc.call('calls/targets', { userIds: [bob.userId as UserId] })).targets
    expect(await targets()).toEqual([])
    await bind(bob, { kind: 'fcm', token: uuid() })
    const fid = uuid()
    await bind(bob, { kind: 'fcm-fid', token: fid })
    expect(await targets()).toMatchObject([{ userId: bob.userId, token: { kind: 'fcm-fid', value: fid } }])
    const voip = uuid().replaceAll('-', '')
    await bind(bob, { kind: 'apns-voip', token: voip })
    await bind(bob, { kind: 'apns', token: uuid().replaceAll('-', '') })
    expect(await targets()).toMatchObject([{ token: { kind: 'apns-voip', value: voip } }])
  })
})

test('P1 two devices that take the token of each other at once are both bound', async ({
  api,
  bind,
  service: { ctx },
}) => {
  const [bob, eve] = [await signUp(api), await signUp(api)]
  const [ofBob, ofEve] = [uuid(), uuid()]
  await bind(bob, { kind: 'fcm', token: ofBob })
  await bind(eve, { kind: 'fcm', token: ofEve })
  const both = [ofBob, ofEve]
  const release = await hold(ctx.pool, 'select from push_token where token = any($1) for update', both)
  const bindings = [bind(bob, { kind: 'fcm', token: ofEve }), bind(eve, { kind: 'fcm', token: ofBob })]
  await waitForLocks(ctx.pool, 2)
  await release()
  expect((await Promise.all(bindings)).map(({ status }) => status)).toEqual([204, 204])
  const { rows } = await ctx.pool.query('select user_id, token from push_token where token = any($1)', [both])
  expect(Object.fromEntries(rows.map(({ user_id, token }) => [user_id, token]))).toEqual({
    [bob.userId]: ofEve,
    [eve.userId]: ofBob,
  })
})

describe('P9 a device that logs out while its token is being bound', () => {
  test('first, is not bound any more', async ({ api, bind, service: { ctx } }) => {
    const bob = await signUp(api)
    const token = uuid()
    const release = await hold(ctx.pool, 'select pg_advisory_xact_lock(hashtextextended($1, 0))', token)
    const binding = bind(bob, { kind: 'fcm', token })
    await waitForLocks(ctx.pool, 1)
    expect((await api.delete('/v1/sessions/current', bob.token)).status).toBe(204)
    await release()
    expect(await binding).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } })
    const { rows } = await ctx.pool.query('select user_id from push_token where token = $1', [token])
    expect(rows).toEqual([])
  })

  test('last, keeps none', async ({ api, bind, service: { ctx } }) => {
    const [eve, bob] = [await signUp(api), await signUp(api)]
    const token = uuid()
    await bind(eve, { kind: 'fcm', token })
    const release = await hold(ctx.pool, 'select from push_token where token = $1 for update', token)
    const binding = bind(bob, { kind: 'fcm', token })
    await waitForLocks(ctx.pool, 1)
    const loggingOut = api.delete('/v1/sessions/current', bob.token)
    await waitForLocks(ctx.pool, 2)
    await release()
    expect([(await binding).status, (await loggingOut).status]).toEqual([204, 204])
    const { rows } = await ctx.pool.query('select user_id from push_token where token = $1', [token])
    expect(rows).toEqual([])
  })
})

test('a token called dead is forgotten, but not one registered since', async ({ api, rpc, bind }) => {
  const bob = await signUp(api)
  const token = uuid()
  await bind(bob, { kind: 'huawei', token })
  const targets = async () => (await rpc.call('calls/targets', { userIds: [bob.userId as UserId] })).targets
  const [bound] = await targets()
  const dead = (since: string) =>
    rpc.call('push-tokens/forget', {
      tokens: [
        { userId: bob.userId as UserId, deviceId: 'phone' as never, kind: 'huawei', value: token, since },
      ],
    })
  const registeredAt = Date.parse(bound?.token.updatedAt ?? '')
  await dead(new Date(registeredAt - 1_000).toISOString())
  expect(await targets()).toHaveLength(1)
  await dead(new Date(registeredAt + 1_000).toISOString())
  expect(await targets()).toEqual([])
})
