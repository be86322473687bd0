import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { logIn, signUp } from '@parley/testing/chat-api'
import { startTraceCollector } from '@parley/testing/trace-collector'
import { expect, vi } from 'vitest'
import { test as base } from './fixture.ts'

/** The whole product, as talkative as it can be. */
const test = base
  .extend('collector', { scope: 'file' }, async ({}, { onCleanup }) => {
    const collector = await startTraceCollector()
    onCleanup(() => collector[Symbol.asyncDispose]())
    return collector
  })
  .extend('env', { scope: 'file' }, ({ collector }) => ({
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
  }))

const services = ['gateway-1', 'gateway-2', 'messages', 'media', 'push'] as const

interface Ticket {
  mediaId: string
  upload: { method: string; url: string; headers: Record<string, string> }
}

/** A smallest picture, so that an upload is processed. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
)

const secret = (kind: string) => `${kind}-${randomBytes(12).toString('hex')}`

test('P12 logs at level debug and traces of a whole journey hold no text, password, token, file name or signed link', async ({
  stack,
  api,
  collector,
  friends: { ann, ben, annClient, benClient },
  connect,
}) => {
  const [text, edited, words, groupName, fileName] = ['text', 'edit', 'search', 'group', 'file'].map(secret)
  const [wrongPassword, odd] = [secret('password'), secret('token')]
  const pushToken = randomBytes(32).toString('hex')
  const statuses: number[] = []
  const say = async <T extends { status: number }>(asked: Promise<T>) => {
    const reply = await asked
    statuses.push(reply.status)
    return reply
  }

  await say(api.put('/v1/devices/current/push', { kind: 'apns', token: pushToken }, ben.token))
  await say(api.put('/v1/devices/current/push', { kind: 'webpush', token: odd }, ann.token))
  const device = { id: 'phone', platform: 'ios' }
  await say(api.post('/v1/sessions', { userId: ann.userId, password: wrongPassword, device }))
  const renewed = await say(api.post('/v1/sessions/refresh', { refreshToken: ann.refreshToken }))
  const [accessToken = '', refreshToken = ''] = [renewed.body['accessToken'], renewed.body['refreshToken']]
  expect(statuses.splice(0)).toEqual([204, 400, 401, 200])

  const declared = { fileName, contentType: 'image/png', sizeBytes: png.length }
  const begun = await say(api.post('/v1/media/uploads', declared, accessToken))
  const { mediaId, upload } = begun.body as unknown as Ticket
  await say(fetch(upload.url, { ...upload, body: png }))
  await say(api.post(`/v1/media/uploads/${mediaId}/complete`, {}, accessToken))
  const look = () => api.get(`/v1/media/${mediaId}?format=json`, accessToken)
  await vi.waitUntil(async () => String((await look()).body['status']) === 'ready')
  const { headers } = await say(api.get(`/v1/media/${mediaId}`, accessToken))
  const link = new URL(headers.get('location') ?? '', stack.urls.app)
  await say(fetch(link))
  await say(api.get(`/v1/media/${mediaId}`, (await signUp(api)).token))
  expect(statuses.splice(0)).toEqual([201, 200, 200, 302, 200, 404])

  await benClient[Symbol.asyncDispose]()
  const { conversationId, messageId } = await annClient.send({ userId: ben.userId }, 'text', { text })
  await vi.waitUntil(() => collector.spans.some(({ name }) => name === 'apns'))
  const to = { conversationId }
  const replies = [
    await annClient.ask('message:edit', { conversationId, messageId, content: { text: edited } }),
    await annClient.ask('message:search', { words }),
    await annClient.ask('message:send', { clientMessageId: 'x', to, type: 'text', content: { words: text } }),
  ]
  expect(replies.map(({ ok }) => ok)).toEqual([true, true, false])
  await say(api.post('/v1/conversations', { name: groupName, userIds: [ben.userId] }, accessToken))
  await say(api.post('/v1/messages', { clientMessageId: text, content: { text } }, accessToken))
  await say(api.get(`/v1/messages/search?words=${words}`, accessToken))
  await say(api.get(`/v1/sync?auth_token=${accessToken}`))
  await say(api.post(`/v1/no-such-route?text=${text}`, { text }, accessToken))
  expect(statuses.splice(0)).toEqual([201, 400, 200, 400, 404])
  const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
  await vi.waitUntil(() => tablet.lastSeq(conversationId) > 0)
  await say(api.delete('/v1/sessions/current', accessToken))
  expect(statuses).toEqual([204])
  // What is still on its way to a log is there when its process has ended.
  for (const name of services) await stack.stop(name)

  const [signature = ''] = [...link.searchParams.values()].toSorted((a, b) => b.length - a.length)
  const { password, token: firstToken, refreshToken: firstRefresh } = ann
  const chosen = { text, edited, words, groupName, fileName, wrongPassword, odd, pushToken }
  const given = { password, firstToken, firstRefresh, accessToken, refreshToken, signature, ofBen: ben.token }
  const secrets = Object.entries({ ...chosen, ...given }).map(([kind, value = '']) => ({ kind, value }))
  expect(secrets.filter(({ value }) => value.length < 16)).toEqual([])
  const found = (where: string, said: string) =>
    secrets.filter(({ value }) => said.includes(value)).map(({ kind }) => `${kind} in ${where}`)

  const directory = path.dirname(stack.logFile('messages'))
  const logs = await readdir(directory)
  for (const name of logs) expect(found(name, await readFile(path.join(directory, name), 'utf8'))).toEqual([])
  for (const name of services) expect(await readFile(stack.logFile(name), 'utf8')).toMatch(/"level":\d+/)
  expect(collector.spans.length).toBeGreaterThan(20)
  expect(found('traces', collector.bodies.join('\n'))).toEqual([])
})
