import type { GatewayOrder } from '@parley/shared/realtime'
import { gatewayOrders } from '@parley/shared/realtime'
import { type Api, createApi, logIn, signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { startMessages } from '../src/service.ts'
import type { SessionPolicy } from '../src/sessions/displace.ts'
import { test as base } from './fixture.ts'

const test = base
  .extend('withPolicy', { scope: 'file' }, async ({ config }, { onCleanup }) => {
    const opened = new AsyncDisposableStack()
    onCleanup(() => opened.disposeAsync())
    return async (policy: SessionPolicy) =>
      createApi(opened.use(await startMessages({ ...config, sessions: { ...config.sessions, policy } })).url)
  })
  .extend('orders', async ({ redisUrl }, { onCleanup }) => {
    const redis = new Redis(redisUrl)
    onCleanup(() => redis.disconnect())
    const heard: GatewayOrder[] = []
    redis.on('smessage', (_channel, text) => heard.push(JSON.parse(text) as GatewayOrder))
    await redis.ssubscribe(gatewayOrders)
    return heard
  })

const statusOf = async (api: Api, token: string) => (await api.get('/v1/sessions', token)).status
const open = (api: Api, userId: string, id: string, platform: string) =>
  api.post('/v1/sessions', { userId, password: 'correct horse battery', device: { id, platform } })

describe('which sessions go on when another begins', () => {
  test.for([
    ['multi', ['phone', 'phone-2', 'web', 'tablet']],
    ['one-per-platform', ['phone-2', 'web', 'tablet']],
    ['single', ['tablet']],
  ] as const)('P9 policy %s leaves %j', async ([policy, left], { withPolicy }) => {
    const api = await withPolicy(policy)
    const { userId } = await signUp(api)
    const logIns = [
      ['phone', 'ios'],
      ['phone-2', 'android'],
      ['web', 'web'],
      ['phone', 'ios'],
      ['tablet', 'ios'],
    ] as const
    const tokens = new Map<string, string>()
    for (const [id, platform] of logIns) {
      const { body } = await open(api, userId, id, platform)
      tokens.set(id, body['accessToken'] ?? '')
    }
    const alive = []
    for (const [id, token] of tokens) if ((await statusOf(api, token)) === 200) alive.push(id)
    expect(alive).toEqual(left)
  })

  test('P9 of many log-ins at the same moment exactly one stands under policy single', async ({
    withPolicy,
  }) => {
    const api = await withPolicy('single')
    const { userId } = await signUp(api)
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, i) => open(api, userId, `device-${i}`, i % 2 ? 'ios' : 'web')),
    )
    const statuses = await Promise.all(replies.map(({ body }) => statusOf(api, body['accessToken'] ?? '')))
    expect(statuses.filter((status) => status === 200).length).toBe(1)
  })

  test('A3.9 P9 the displaced is told by which device, from where and when, and may take the place back', async ({
    withPolicy,
    orders,
  }) => {
    const api = await withPolicy('single')
    const phone = await signUp(api)
    const tablet = await open(api, phone.userId, 'tablet', 'android')
    await vi.waitUntil(() => orders.length > 0)
    expect(orders[0]).toMatchObject({
      kind: 'end-sessions',
      reason: 'replaced',
      by: { deviceId: 'tablet', platform: 'android', address: '127.0.0.1', at: expect.any(String) },
    })
    expect(await api.get('/v1/sessions', phone.token)).toMatchObject({
      status: 401,
      body: { error: { code: 'session_replaced' } },
    })
    const refreshed = await api.post('/v1/sessions/refresh', { refreshToken: phone.refreshToken })
    expect(refreshed).toMatchObject({ status: 401, body: { error: { code: 'session_replaced' } } })
    const again = await logIn(api, phone.userId)
    expect(await statusOf(api, again.token)).toBe(200)
    expect(await statusOf(api, tablet.body['accessToken'] ?? '')).toBe(401)
  })

  test('P9 a displaced device gets no push any more, and a device that logs in again keeps its own', async ({
    withPolicy,
    service,
  }) => {
    const api = await withPolicy('single')
    const phone = await signUp(api)
    const tokens = async () => {
      const { rows } = await service.ctx.pool.query<{ device_id: string }>(
        'select device_id from push_token where user_id = $1',
        [phone.userId],
      )
      return rows.map((row) => row.device_id)
    }
    await api.put('/v1/devices/current/push', { kind: 'fcm', token: `fcm-${phone.userId}` }, phone.token)
    await logIn(api, phone.userId)
    expect(await tokens()).toEqual(['phone'])
    await logIn(api, phone.userId, 'tablet')
    expect(await tokens()).toEqual([])
  })
})
