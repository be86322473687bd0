import { randomBytes, randomUUID } from 'node:crypto'
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

/** A smallest picture, so that an upload is processed. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
)

test('P12 logs at level debug and traces of a whole journey hold no text, password, token, file name or signed link', async ({
  stack,
  api,
  collector,
  friends: { ann, ben, annClient, benClient },
  connect,
}) => {
  const secret = (kind: string) => `${kind}-${randomBytes(12).toString('hex')}`
  const [text, edited, typed, groupName, fileName] = ['text', 'edit', 'search', 'group', 'file'].map(secret)
  const pushToken = randomBytes(32).toString('hex')
  const wrongPassword = secret('password')

  await api.put('/v1/devices/current/push', { kind: 'apns', token: pushToken }, ben.token)
  await api.put('/v1/devices/current/push', { kind: 'apns', token: secret('not a token') }, ann.token)
  await api.post('/v1/sessions', {
    userId: ann.userId,
    password: wrongPassword,
    device: { id: 'phone', platform: 'ios' },
  })
  const renewed = await api.post('/v1/sessions/refresh', { refreshToken: ann.refreshToken })
  const [accessToken = '', refreshToken = ''] = [renewed.body['accessToken'], renewed.body['refreshToken']]

  const upload = await api.post(
    '/v1/media/uploads',
    { fileName, contentType: 'image/png', sizeBytes: png.length },
    accessToken,
  )
  const { mediaId, upload: ticket } = upload.body as unknown as {
    mediaId: string
    upload: { method: string; url: string; headers: Record<string, string> }
  }
  expect((await fetch(ticket.url, { ...ticket, body: png })).status).toBe(200)
  await api.post(`/v1/media/uploads/${mediaId}/complete`, {}, accessToken)
  const settled = () => api.get(`/v1/media/${mediaId}?format=json`, accessToken)
  await vi.waitUntil(async () => String((await settled()).body['status']) === 'ready', { timeout: 30_000 })
  const link = (await api.get(`/v1/media/${mediaId}`, accessToken)).headers.get('location') ?? ''

  await benClient[Symbol.asyncDispose]()
  const sent = await annClient.send({ userId: ben.userId }, 'text', { text })
  await annClient.ask('message:edit', { ...sent, content: { text: edited } })
  await annClient.ask('message:search', { text: typed })
  await annClient.ask('message:send', {
    clientMessageId: 'x',
    to: { userId: ben.userId },
    type: 'text',
    content: { words: text },
  })
  await annClient.ask('no:such', { text })
  await api.post('/v1/conversations', { name: groupName, userIds: [ben.userId] }, accessToken)
  await api.post('/v1/messages', { clientMessageId: randomUUID(), content: { text } }, accessToken)
  await api.get(`/v1/messages/search?text=${typed}`, accessToken)
  await api.get(`/v1/sync?auth_token=${accessToken}`)
  const stranger = await signUp(api)
  await api.get(`/v1/media/${mediaId}`, stranger.token)
  const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
  await vi.waitUntil(() => tablet.lastSeq(sent.conversationId) > 0)
  await vi.waitUntil(() => collector.spans.some(({ name }) => name === 'apns'), { timeout: 30_000 })
  await api.delete('/v1/sessions/current', accessToken)
  // What is still on its way to a log is there when its process has ended.
  for (const name of ['gateway-1', 'gateway-2', 'messages', 'media', 'push'] as const) await stack.stop(name)

  const directory = path.dirname(stack.logFile('messages'))
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'))
  expect(logs).toEqual(expect.arrayContaining(['gateway-1.log', 'messages.log', 'media.log', 'push.log']))
  const signature =
    /[?&](?:signature|X-Amz-Signature|sig|s|token)=([^&]+)/.exec(link)?.[1] ?? link.split('?')[1] ?? ''
  const secrets = {
    ...{
      text,
      edited,
      typed,
      groupName,
      fileName,
      pushToken,
      wrongPassword,
      accessToken,
      refreshToken,
      signature,
    },
    ...{
      password: ann.password,
      firstToken: ann.token,
      firstRefresh: ann.refreshToken,
      tokenOfBen: ben.token,
    },
  }
  for (const [kind, value] of Object.entries(secrets)) expect(value?.length, kind).toBeGreaterThan(8)
  for (const name of logs) {
    const log = await readFile(path.join(directory, name), 'utf8')
    if (/^(gateway|messages|media|push)/.test(name)) expect(log, name).toContain('"level":')
    for (const [kind, value] of Object.entries(secrets))
      expect(log.includes(value ?? ''), `${kind} in ${name}`).toBe(false)
  }
  expect(collector.spans.length).toBeGreaterThan(20)
  for (const [kind, value] of Object.entries(secrets))
    expect(
      collector.bodies.some((body) => body.includes(value ?? '')),
      `${kind} in traces`,
    ).toBe(false)
})
