import { randomBytes } from 'node:crypto'
import { logIn, signUp } from '@parley/testing/chat-api'
import { type CollectedSpan, startTraceCollector } from '@parley/testing/trace-collector'
import { expect, vi } from 'vitest'
import { test as base } from './fixture.ts'

/** The whole product, every trace of which is recorded. */
const test = base
  .extend('collector', { scope: 'file' }, async ({}, { onCleanup }) => {
    const collector = await startTraceCollector()
    onCleanup(() => collector[Symbol.asyncDispose]())
    return collector
  })
  .extend('env', { scope: 'file' }, ({ collector }) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
  }))

const by = (service: string, name: string) => (span: CollectedSpan) =>
  span.service === `parley-${service}` && span.name === name

test('one message is one trace, from the socket event over the commit to the sockets and the push of others', async ({
  stack,
  api,
  collector,
  friends: { ann, ben, annClient, benClient },
  connect,
}) => {
  const token = randomBytes(32).toString('hex')
  await api.put('/v1/devices/current/push', { kind: 'apns', token }, ben.token)
  await benClient[Symbol.asyncDispose]()
  const tablet = await connect(await logIn(api, ann.userId, 'tablet'), stack.urls.gateways[1])
  const text = `nobody else's business ${randomBytes(8).toString('hex')}`
  const { conversationId, seq } = await annClient.send({ userId: ben.userId }, 'text', { text })
  await vi.waitUntil(() => tablet.lastSeq(conversationId) === seq)

  const last = by('push', 'deliveries/report')
  await vi.waitUntil(() => collector.spans.some(last))
  const sent = collector.spans.find(by('gateway', 'message:send'))
  const spans = collector.spans.filter(({ traceId }) => traceId === sent?.traceId)
  const one = (service: string, name: string): CollectedSpan => {
    const found = spans.find(by(service, name))
    if (!found) throw new Error(`${service} has no span ${name}: ${spans.map((span) => span.name).join()}`)
    return found
  }

  const chain: [string, string][] = [
    ['gateway', 'message:send'],
    ['gateway', 'messages/send'],
    ['messages', 'messages/send'],
    ['messages', 'commit'],
  ]
  const toSockets: [string, string][] = [...chain.slice(0, 3), ['messages', 'doorbell'], ['gateway', 'emit']]
  const toPhones: [string, string][] = [...chain.slice(0, 3), ['push', 'push-chat'], ['push', 'apns']]
  const decision: [string, string][] = [
    ['push', 'push-chat'],
    ['push', 'deliveries/due'],
    ['messages', 'deliveries/due'],
  ]
  for (const path of [chain, toSockets, toPhones, decision]) {
    for (const [i, [service, name]] of path.entries()) {
      const cause = path[i - 1]
      if (!cause) continue
      expect(one(service, name).parentSpanId).toBe(one(...cause).spanId)
      expect(one(service, name).startedAt).toBeGreaterThanOrEqual(one(...cause).startedAt)
    }
  }
  const inOrder = [
    one('messages', 'commit'),
    one('messages', 'doorbell'),
    one('push', 'push-chat'),
    one('messages', 'deliveries/due'),
    one('push', 'apns'),
    one('push', 'deliveries/report'),
  ]
  expect(inOrder.toSorted((a, b) => Number(a.startedAt - b.startedAt))).toEqual(inOrder)

  expect(one('messages', 'messages/send').attributes).toMatchObject({
    'parley.message_id': `${conversationId}.${seq}`,
  })
  expect(one('messages', 'commit').attributes).toMatchObject({ 'parley.sends': 1 })
  expect(one('push', 'apns').attributes).toEqual({
    'http.response.status_code': 200,
    'parley.push.result': 'accepted',
  })
  const emits = spans.filter(({ name }) => name === 'emit')
  expect(new Set(emits.map(({ instance }) => instance))).toEqual(new Set(['g1', 'g2']))
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined)
  expect(roots).toEqual([sent])
  const ids = new Set(spans.map(({ spanId }) => spanId))
  expect(spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId))).toEqual([])
  for (const secret of [text, token, ann.token, ann.password])
    expect(collector.bodies.some((body) => body.includes(secret))).toBe(false)
})

test('what a gateway passes on is a trace as far as the answer', async ({
  collector,
  friends: { annClient },
}) => {
  expect(await annClient.ask('unread:count', {})).toMatchObject({ ok: true })
  const answered = ({ attributes }: CollectedSpan) => attributes['parley.event'] === 'unread:count'
  await vi.waitUntil(() => collector.spans.some(answered))
  const { traceId } = collector.spans.find(answered) ?? {}
  await vi.waitUntil(() => collector.spans.some((span) => span.traceId === traceId && !span.parentSpanId))
  const named = collector.spans
    .filter((span) => span.traceId === traceId)
    .map(({ service, name }) => [service, name])
  expect(named).toHaveLength(3)
  expect(named).toEqual(
    expect.arrayContaining([
      ['parley-gateway', 'unread:count'],
      ['parley-gateway', 'events/ask'],
      ['parley-messages', 'events/ask'],
    ]),
  )
})

test('sends that share a commit keep their own traces, and the commit is linked with all of them', async ({
  api,
  collector,
  friends: { ann, ben, annClient },
}) => {
  const before = new Set(collector.spans.map(({ spanId }) => spanId))
  await Promise.all(
    Array.from({ length: 40 }, (_, i) => annClient.send({ userId: ben.userId }, 'text', { text: `${i}` })),
  )
  const over = await api.post(
    '/v1/messages',
    { clientMessageId: 'over-http', to: { userId: ben.userId }, type: 'text', content: { text: 'http' } },
    ann.token,
  )
  expect(over.status).toBe(201)
  const fresh = () => collector.spans.filter(({ spanId }) => !before.has(spanId))
  await vi.waitUntil(
    () =>
      fresh().filter(by('messages', 'messages/send')).length === 40 &&
      fresh().some(by('messages', 'POST /v1/messages')) &&
      fresh().filter(by('messages', 'doorbell')).length === 41,
  )
  const sends = fresh().filter(by('messages', 'messages/send'))
  expect(new Set(sends.map(({ traceId }) => traceId)).size).toBe(40)
  const commits = fresh().filter(by('messages', 'commit'))
  const reached = new Set(
    commits.flatMap((commit) => [commit.traceId, ...commit.links.map(({ traceId }) => traceId)]),
  )
  for (const { traceId } of [...sends, ...fresh().filter(by('messages', 'POST /v1/messages'))])
    expect(reached).toContain(traceId)
  const shared = commits.filter(({ links }) => links.length > 0)
  expect(shared.length).toBeGreaterThan(0)
  for (const { links, spanId } of shared) {
    const linked = sends.filter((send) => links.some((link) => link.spanId === send.spanId))
    expect(linked).toHaveLength(links.length)
    for (const send of linked) expect(send.links.map((link) => link.spanId)).toEqual([spanId])
  }
})

test('a collector that is away or holds every export back holds up no message', async ({
  stack,
  api,
  collector,
  connect,
}) => {
  const [eve, fay] = [await signUp(api, 'eve'), await signUp(api, 'fay')]
  const [sender, receiver] = [
    await connect(eve, stack.urls.gateways[0]),
    await connect(fay, stack.urls.gateways[1]),
  ]
  const taken = collector.answer
  collector.answer = () => {}
  await Promise.all(
    Array.from({ length: 500 }, (_, i) => sender.send({ userId: fay.userId }, 'text', { text: `${i}` })),
  )
  const conversationId = (await sender.send({ userId: fay.userId }, 'text', { text: 'last' })).conversationId
  await vi.waitUntil(() => receiver.lastSeq(conversationId) === 501)
  collector.answer = taken
})
