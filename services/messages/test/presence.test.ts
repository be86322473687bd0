import type { UserId } from '@parley/shared/ids'
import { createPresenceLease } from '@parley/shared/presence'
import { gatewayOrders } from '@parley/shared/realtime'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { test as base } from './fixture.ts'

/** Whom a person sees, of the others. */
const test = base.extend(
  'sees',
  { scope: 'file' },
  ({ rpc }) =>
    async (person: Person, ...others: Person[]) => {
      const asks = [
        { userId: person.userId as UserId, otherIds: others.map(({ userId }) => userId as UserId) },
      ]
      const { results } = await rpc.call('presence/visible', { asks })
      const [result] = results
      if (!result?.ok) throw new Error('no answer')
      return result.data.visible.map(({ userId }) => userId)
    },
)

async function befriend(api: Api, ann: Person, ben: Person): Promise<void> {
  await api.post('/v1/contacts/requests', { userId: ben.userId }, ann.token)
  expect((await api.post(`/v1/contacts/${ann.userId}/accept`, {}, ben.token)).status).toBe(200)
}

const write = (api: Api, from: Person, to: Person) =>
  api.post(
    '/v1/messages',
    { clientMessageId: 'c1', to: { userId: to.userId }, type: 'text', content: { text: 'hi' } },
    from.token,
  )

describe('who sees whether somebody is there', () => {
  test('P9 contacts and people who share a conversation, and no stranger, nor oneself', async ({
    api,
    sees,
  }) => {
    const [ann, ben, cas, dan] = [await signUp(api), await signUp(api), await signUp(api), await signUp(api)]
    expect(await sees(ann, ben, cas, dan)).toEqual([])
    await befriend(api, ann, ben)
    await write(api, cas, ann)
    await api.post('/v1/conversations', { name: 'Team', userIds: [dan.userId] }, ann.token)
    expect((await sees(ann, ann, ben, cas, dan)).toSorted()).toEqual(
      [ben.userId, cas.userId, dan.userId].toSorted(),
    )
    expect(await sees(ben, cas, dan)).toEqual([])
  })

  test('P9 nobody who blocks the other or is blocked, whatever else they share', async ({ api, sees }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    await befriend(api, ann, ben)
    await api.post('/v1/conversations', { name: 'Team', userIds: [ben.userId] }, ann.token)
    await api.put(`/v1/contacts/${ann.userId}/block`, {}, ben.token)
    expect([await sees(ann, ben), await sees(ben, ann)]).toEqual([[], []])
  })

  test('P9 nobody who takes no messages from them', async ({ api, sees }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    await write(api, ann, ben)
    expect(await sees(ann, ben)).toEqual([ben.userId])
    await befriend(api, ann, ben)
    await api.patch('/v1/me', { messagesFrom: 'contacts' }, ben.token)
    await api.delete(`/v1/contacts/${ann.userId}`, ben.token)
    expect(await sees(ann, ben)).toEqual([])
  })

  test.for([
    ['everyone', [true, true]],
    ['contacts', [true, false]],
    ['nobody', [false, false]],
  ] as const)(
    'P9 with presenceTo %s contacts and others see it: %o',
    async ([presenceTo, [byContact, byOther]], { api, sees }) => {
      const [ann, contact, other] = [await signUp(api), await signUp(api), await signUp(api)]
      await befriend(api, ann, contact)
      await write(api, other, ann)
      const reply = await api.patch('/v1/me', { presenceTo }, ann.token)
      expect([reply.status, reply.body['presenceTo']]).toEqual([200, presenceTo])
      expect([(await sees(contact, ann)).length, (await sees(other, ann)).length]).toEqual([
        Number(byContact),
        Number(byOther),
      ])
    },
  )

  test('gateways are told to look again when a block or the setting changes it', async ({
    api,
    redisUrl,
  }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const redis = new Redis(redisUrl)
    const orders: unknown[] = []
    redis.on('smessage', (_channel: string, text: string) => orders.push(JSON.parse(text)))
    await redis.ssubscribe(gatewayOrders)
    await api.put(`/v1/contacts/${ann.userId}/block`, {}, ben.token)
    await vi.waitUntil(() => orders.length > 0)
    await api.patch('/v1/me', { presenceTo: 'nobody' }, ann.token)
    await vi.waitUntil(() => orders.length > 1)
    expect(orders).toEqual([
      { kind: 'recheck-presence', userIds: [ben.userId, ann.userId] },
      { kind: 'recheck-presence', userIds: [ann.userId] },
    ])
    redis.disconnect()
  })
})

describe('GET /v1/presence', () => {
  test('A9.3 tells of a list who is there, who is away and who was there last, and of strangers nothing', async ({
    api,
    rpc,
    redisUrl,
  }) => {
    const [ann, on, away, off, stranger] = [
      await signUp(api),
      await signUp(api),
      await signUp(api),
      await signUp(api),
      await signUp(api),
    ]
    for (const other of [on, away, off]) await befriend(api, ann, other)
    const redis = new Redis(redisUrl)
    const lease = createPresenceLease(redis, 'gateway', () => [
      [on.userId as UserId, { sockets: 2, foreground: true }],
      [away.userId as UserId, { sockets: 1, foreground: false }],
      [stranger.userId as UserId, { sockets: 1, foreground: true }],
    ])
    await lease.renew()
    const late = '2026-03-01T10:00:00.000Z'
    const seen = ['2026-03-01T09:00:00.000Z', late, '2026-02-01T00:00:00.000Z']
    for (const at of seen) await rpc.call('presence/seen', { seen: [{ userId: off.userId as UserId, at }] })
    await rpc.call('presence/seen', { seen: [{ userId: 'nobody-there' as UserId, at: late }] })
    const ids = [on, away, off, stranger].map(({ userId }) => userId).join(',')
    expect(await api.get(`/v1/presence?ids=${ids}`, ann.token)).toMatchObject({
      status: 200,
      body: {
        states: [
          { userId: on.userId, online: true },
          { userId: away.userId, online: true, away: true },
          { userId: off.userId, online: false, lastSeenAt: late },
          { userId: stranger.userId, online: false },
        ],
      },
    })
    await lease.release()
    redis.disconnect()
  })

  test('P10 refuses more than a hundred, none, and what is no id', async ({ api }) => {
    const ann = await signUp(api)
    const many = Array.from({ length: 101 }, (_, i) => `u${i}`).join(',')
    for (const ids of [many, '', 'a,,b', '*'])
      expect((await api.get(`/v1/presence?ids=${ids}`, ann.token)).body.error?.code).toBe('invalid_request')
    expect((await api.get('/v1/presence?ids=a')).status).toBe(401)
  })
})
