import { randomBytes, randomUUID as uuid } from 'node:crypto'
import { type Api, createApi, type Person, signUp } from '@parley/testing/chat-api'
import {
  startWebhookReceiver,
  type WebhookAnswer,
  type WebhookReceiver,
} from '@parley/testing/webhook-receiver'
import { describe, expect, vi } from 'vitest'
import type { Config } from '../src/config.ts'
import { makeApiKey } from '../src/server-api/api-keys.ts'
import { startMessages } from '../src/service.ts'
import { removeOldDead } from '../src/webhooks/store.ts'
import { test as base } from './fixture.ts'

const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`
const secret = newSecret()
const { key, entry } = makeApiKey('hooks', ['webhooks:write', 'users:write'])
const patient = { interval: 50 }

interface EndpointState {
  endpointId: string
  dead: number
  pending: number
  failingSince?: string
  disabledReason?: string
}

/** Instances that tell receivers what happens, with waits a test can sit out. An endpoint is known for a file's life, so each has a name of its own. */
const test = base.extend('telling', async ({ config }, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  return async (
    given: Partial<Config['webhooks']> & {
      url?: string
      events?: string[]
      secrets?: string[]
      also?: Config['webhooks']['endpoints'][number]
    } = {},
  ) => {
    const receiver = opened.use(await startWebhookReceiver({ secret }))
    const { url = receiver.url, events = ['*'], secrets = [secret], also, ...settings } = given
    const endpointId = `e-${uuid().slice(0, 8)}`
    const webhooks = {
      ...config.webhooks,
      endpoints: [{ id: endpointId, url, events, secrets }, ...(also ? [also] : [])],
      allowedNetworks: ['127.0.0.1', '::1'],
      ca: receiver.ca,
      timeoutMs: 1_000,
      retryMs: 20,
      spreadEveryMs: 20,
      requeueAfterMs: 500,
      ...settings,
    }
    const serverApi = { port: 0, keys: [entry], requestsPerSecond: 1_000 }
    const service = opened.use(await startMessages({ ...config, webhooks, serverApi }))
    const server = createApi(service.serverApiUrl ?? '')
    const stateOf = async () => {
      const { body } = await server.get('/server/v1/webhooks', key)
      const all: EndpointState[] = body['endpoints'] ?? []
      return all.find((state) => state.endpointId === endpointId)
    }
    await vi.waitUntil(stateOf, patient)
    return { receiver, service, server, api: createApi(service.url), endpointId, stateOf }
  }
})

async function talk(api: Api, text = 'hi') {
  const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
  const draft = { clientMessageId: uuid(), to: { userId: bob.userId }, type: 'text', content: { text } }
  const { body } = await api.post('/v1/messages', draft, ada.token)
  const sent = body as unknown as { conversationId: string; messageId: string; seq: number }
  return { ada, bob, ...sent, path: `/v1/conversations/${sent.conversationId}/messages/${sent.messageId}` }
}
const idsIn = ({ taken }: WebhookReceiver) => taken.map(({ id }) => id)

describe('a webhook', () => {
  test('tells of a message after its commit, with its final id and number, signed with both secrets', async ({
    telling,
  }) => {
    const { receiver, api } = await telling({ events: ['message.*'], secrets: [newSecret(), secret] })
    const { conversationId, messageId, path, ada, bob } = await talk(api)
    await api.patch(path, { content: { text: 'hey' } }, ada.token)
    await api.put(`${path}/reactions`, { emoji: '👍' }, bob.token)
    await api.delete(path, ada.token)
    await vi.waitUntil(() => receiver.taken.length >= 4, patient)
    expect(receiver.received.every(({ signed }) => signed)).toBe(true)
    const told = receiver.taken.toSorted((a, b) => a.id.localeCompare(b.id))
    expect(told.map(({ id, type }) => [id, type])).toEqual([
      [`${conversationId}.1`, 'message.created'],
      [`${conversationId}.2`, 'message.edited'],
      [`${conversationId}.3`, 'message.reacted'],
      [`${conversationId}.4`, 'message.recalled'],
    ])
    expect(told[0]?.data).toMatchObject({
      entry: { messageId, seq: 1, senderId: ada.userId, clientMessageId: expect.any(String) },
      conversation: { conversationId, kind: 'direct' },
    })
    expect(told[3]?.data).toMatchObject({ entry: { kind: 'recall', content: { messageId } } })
  })

  test('tells of groups and their members, of users and sessions', async ({ telling }) => {
    const { receiver, api, server } = await telling({ events: ['group.*', 'user.*', 'session.*'] })
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    const made = await api.post('/v1/conversations', { name: 'G', userIds: [bob.userId] }, ada.token)
    const { conversationId } = made.body['summary'] as unknown as { conversationId: string }
    await api.post(`/v1/conversations/${conversationId}/kicks`, { userIds: [bob.userId] }, ada.token)
    await api.patch('/v1/me', { displayName: 'Bob' }, bob.token)
    await server.put(`/server/v1/users/${bob.userId}/suspension`, { reason: 'spam' }, key)
    await server.delete(`/server/v1/users/${bob.userId}/suspension`, key)
    await server.delete(`/server/v1/users/${bob.userId}`, key)
    const expected = [
      'user.created',
      'session.started',
      'group.created',
      'group.kicked',
      'user.updated',
      'user.suspended',
      'session.ended',
      'user.restored',
      'user.deleted',
    ]
    await vi.waitUntil(
      () => expected.every((type) => receiver.taken.some((event) => event.type === type)),
      patient,
    )
    const of = (type: string) =>
      receiver.taken.find(
        (event) => event.type === type && (event.data as { userId?: string }).userId === bob.userId,
      )?.data
    expect(of('user.suspended')).toEqual({ userId: bob.userId, reason: 'spam' })
    expect(of('session.ended')).toMatchObject({ reason: 'suspended', deviceId: 'phone', platform: 'ios' })
    expect(receiver.taken.some(({ type }) => type.startsWith('message.'))).toBe(false)
  })

  test('tells that a user was deleted who had been suspended before', async ({ telling }) => {
    const { receiver, api, server } = await telling({ events: ['user.deleted', 'user.suspended'] })
    const { userId } = await signUp(api)
    await server.put(`/server/v1/users/${userId}/suspension`, { reason: 'spam' }, key)
    await server.delete(`/server/v1/users/${userId}`, key)
    await vi.waitUntil(() => receiver.taken.length === 2, patient)
    const told = new Map(receiver.taken.map(({ type, data }) => [type, data]))
    expect(told.get('user.suspended')).toEqual({ userId, reason: 'spam' })
    expect(told.get('user.deleted')).toEqual({ userId })
  })

  const faults: [string, WebhookAnswer][] = [
    ['a 500', (response) => void response.writeHead(500).end()],
    ['a 429', (response) => void response.writeHead(429).end()],
    ['no answer at all', () => undefined],
    ['a connection that breaks', (_, request) => void request.socket.destroy()],
    [
      'a redirect, which is not followed',
      (response) => void response.writeHead(307, { location: 'https://localhost:1/elsewhere' }).end(),
    ],
  ]
  test.for(faults)('comes again, under the same id, after %s', async ([, fail], { telling }) => {
    const { receiver, api, stateOf } = await telling({ events: ['message.created'] })
    const { answer } = receiver
    receiver.answer = (response, request, event) =>
      receiver.received.length > 1 ? answer(response, request, event) : fail(response, request, event)
    const { conversationId } = await talk(api)
    await vi.waitUntil(() => receiver.taken.length > 0, patient)
    expect(receiver.received.map(({ id }) => id)).toEqual([`${conversationId}.1`, `${conversationId}.1`])
    await vi.waitUntil(async () => (await stateOf())?.pending === 0, patient)
  })

  const oddAnswers: [string, WebhookAnswer][] = [
    ['an answer that is too long', (response) => void response.writeHead(200).end(Buffer.alloc(10_000_000))],
    ['an answer that never ends', (response) => void response.writeHead(200).write('…')],
  ]
  test.for(oddAnswers)(
    'P10 has arrived where 200 came first, whatever follows: %s',
    async ([, odd], { telling }) => {
      const { receiver, api, stateOf } = await telling({ events: ['message.created'] })
      receiver.answer = odd
      await talk(api)
      await vi.waitUntil(() => receiver.received.length > 0, patient)
      await vi.waitUntil(async () => (await stateOf())?.pending === 0, patient)
      expect(receiver.received.length).toBe(1)
    },
  )

  test('that fails for good is dead, is listed without a word of the message, and can be replayed', async ({
    telling,
  }) => {
    const { receiver, api, server, endpointId, stateOf } = await telling({
      events: ['message.created'],
      attempts: 2,
    })
    const { answer } = receiver
    receiver.answer = (response) => void response.writeHead(500).end()
    const { conversationId } = await talk(api, 'a secret word')
    await vi.waitUntil(async () => (await stateOf())?.dead === 1, patient)
    const path = `/server/v1/webhooks/${endpointId}`
    const listed = await server.get(`${path}/dead`, key)
    expect(listed.body['deliveries']).toMatchObject([
      { eventId: `${conversationId}.1`, event: 'message.created', failure: 'answered 500' },
    ])
    expect(JSON.stringify(listed.body)).not.toContain('secret word')
    receiver.answer = answer
    expect((await server.post(`${path}/replay`, {}, key)).body).toEqual({ replayed: 1 })
    await vi.waitUntil(() => idsIn(receiver).includes(`${conversationId}.1`), patient)
    expect((await server.post(`${path}/replay`, {}, key)).body).toEqual({ replayed: 0 })
  })

  test.for([
    ['answers 410', 410, {}],
    ['has failed for too long', 500, { disableAfterMs: 0 }],
  ] as const)(
    'is disabled when its endpoint %s, gets nothing more, and goes on when it is enabled',
    async ([, status, settings], { telling }) => {
      const { receiver, api, server, service, endpointId, stateOf } = await telling({
        events: ['message.created'],
        ...settings,
      })
      const { answer } = receiver
      receiver.answer = (response) => void response.writeHead(status).end()
      await talk(api)
      await vi.waitUntil(async () => (await stateOf())?.disabledReason, patient)
      expect(await service.ctx.metrics.metrics()).toMatch(
        new RegExp(`parley_webhook_endpoint_disabled\\{endpoint="${endpointId}",[^}]*\\} 1`),
      )
      const asked = receiver.received.length
      await talk(api)
      await vi.waitUntil(async () => (await stateOf())?.dead === 2, patient)
      expect(receiver.received.length).toBe(asked)
      receiver.answer = answer
      expect((await server.post(`/server/v1/webhooks/${endpointId}/enable`, {}, key)).status).toBe(204)
      expect((await server.post(`/server/v1/webhooks/${endpointId}/replay`, {}, key)).body).toEqual({
        replayed: 2,
      })
      await vi.waitUntil(() => receiver.taken.length === 2, patient)
    },
  )

  test('that was replayed is not given up by the attempt from before, which fails late', async ({
    telling,
  }) => {
    const { receiver, api, server, endpointId, stateOf } = await telling({
      events: ['message.created'],
      attempts: 1,
      timeoutMs: 20_000,
    })
    const { answer } = receiver
    const held: Parameters<WebhookAnswer>[0][] = []
    receiver.answer = (response) => void held.push(response)
    const { conversationId } = await talk(api)
    await vi.waitUntil(() => held.length === 1, patient)
    receiver.answer = (response) => void response.writeHead(410).end()
    await talk(api)
    await vi.waitUntil(async () => (await stateOf())?.dead === 2, patient)
    receiver.answer = (response, request, event) =>
      event.id === `${conversationId}.1` ? void held.push(response) : answer(response, request, event)
    await server.post(`/server/v1/webhooks/${endpointId}/enable`, {}, key)
    await server.post(`/server/v1/webhooks/${endpointId}/replay`, {}, key)
    await vi.waitUntil(async () => held.length === 2 && (await stateOf())?.pending === 1, patient)
    held[0]?.writeHead(500).end()
    await vi.waitUntil(async () => (await stateOf())?.failingSince, patient)
    const { conversationId: later } = await talk(api)
    await vi.waitUntil(() => idsIn(receiver).includes(`${later}.1`), patient)
    expect(await stateOf()).toMatchObject({ pending: 1, dead: 0 })
    held[1]?.writeHead(204).end()
    await vi.waitUntil(async () => (await stateOf())?.pending === 0, patient)
  })

  test('P10 an endpoint with too many waiting gets dead letters instead, and others what is theirs', async ({
    telling,
  }) => {
    await using other = await startWebhookReceiver({ secret })
    const also = {
      id: `o-${uuid().slice(0, 8)}`,
      url: other.url,
      events: ['message.created'],
      secrets: [secret],
    }
    const settings = { backlog: 2, retryMs: 60_000, disableAfterMs: 60_000 }
    const { receiver, api, stateOf } = await telling({
      events: ['message.created'],
      also,
      ca: other.ca,
      ...settings,
    })
    for (let told = 1; told <= 4; told++) {
      const { conversationId } = await talk(api)
      await vi.waitUntil(() => idsIn(other).includes(`${conversationId}.1`), patient)
    }
    // Nothing arrives there: what it shows is not the authority that is trusted.
    expect(receiver.received).toEqual([])
    await vi.waitUntil(async () => (await stateOf())?.dead === 2, patient)
    expect((await stateOf())?.pending).toBe(2)
  })

  test.for([
    ['by its name', (url: string) => url],
    ['by its address', (url: string) => url.replace('localhost', '127.0.0.1')],
  ] as const)('P9 a private address is not connected to, named %s', async ([, rename], { telling }) => {
    await using inside = await startWebhookReceiver({ secret })
    const { api, server, endpointId, stateOf } = await telling({
      url: rename(inside.url),
      events: ['message.created'],
      allowedNetworks: [],
      attempts: 1,
    })
    await talk(api)
    await vi.waitUntil(async () => (await stateOf())?.dead === 1, patient)
    const { body } = await server.get(`/server/v1/webhooks/${endpointId}/dead`, key)
    expect(body['deliveries']).toMatchObject([{ failure: 'private address' }])
    expect(inside.received).toEqual([])
  })

  test('P1 is told although Redis has lost its queue', async ({ telling }) => {
    const { receiver, api, service } = await telling({ events: ['message.created'], retryMs: 600_000 })
    const { answer } = receiver
    receiver.answer = (response) => void response.writeHead(500).end()
    const { conversationId } = await talk(api)
    await vi.waitUntil(() => receiver.received.length > 0, patient)
    receiver.answer = answer
    // The job waits for ten minutes in Redis, which then forgets it.
    await vi.waitUntil(
      async () => {
        await service.ctx.redis.flushall()
        return idsIn(receiver).includes(`${conversationId}.1`)
      },
      { interval: 700 },
    )
  })

  test('P10 of the dead only the newest are kept, and none for ever', async ({ telling }) => {
    const { receiver, api, service, stateOf } = await telling({ events: ['message.created'], attempts: 1 })
    receiver.answer = (response) => void response.writeHead(500).end()
    const told = [await talk(api), await talk(api), await talk(api)]
    await vi.waitUntil(async () => (await stateOf())?.dead === told.length, patient)
    await removeOldDead(service.ctx.db, { olderThanDays: 1, mostEach: 1 })
    expect((await stateOf())?.dead).toBe(1)
    await removeOldDead(service.ctx.db, { olderThanDays: 0, mostEach: 1 })
    expect((await stateOf())?.dead).toBe(0)
  })

  test('an endpoint that is no longer configured is taken away with what waits for it', async ({
    telling,
  }) => {
    const gone = await telling({ events: ['message.created'] })
    await gone.service[Symbol.asyncDispose]()
    const { server } = await telling({ events: ['message.created'] })
    expect((await server.delete(`/server/v1/webhooks/${gone.endpointId}`, key)).status).toBe(204)
    expect((await server.delete(`/server/v1/webhooks/${gone.endpointId}`, key)).status).toBe(404)
  })
})
