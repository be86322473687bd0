import { startTraceCollector } from '@parley/testing/trace-collector'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createHttpApp } from './http.ts'
import { createInternalApp, serveRpc } from './internal-http.ts'
import { openTracing } from './tracing.ts'

const foreign = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }

async function setUp() {
  const collector = await startTraceCollector()
  const lines: Record<string, unknown>[] = []
  const log = pino(
    {},
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  )
  const metrics = new Registry()
  const config = { endpoint: collector.url, headers: {}, ratio: 1 }
  const tracing = await openTracing({ config, service: 'test', log, metrics })
  return { collector, lines, log, metrics, tracing }
}

test('a request that fails for a reason of ours names its trace in the log, and no caller from outside chooses that', async () => {
  const { collector, lines, log, tracing } = await setUp()
  const app = createHttpApp(log, { tracing })
  app.get('/v1/users/:userId', () => Promise.reject(new Error('out of order')))
  const reply = await app.inject({ url: '/v1/users/ann?token=secret', headers: foreign })
  expect(reply.statusCode).toBe(500)
  await app.inject('/nowhere/ann')
  await tracing?.[Symbol.asyncDispose]()
  const [failed, unmatched] = collector.spans
  expect(failed).toMatchObject({ name: 'GET /v1/users/:userId', status: 2 })
  expect(failed?.parentSpanId).toBeUndefined()
  expect(failed?.traceId).not.toBe('a'.repeat(32))
  expect(lines.find(({ msg }) => msg === 'request failed')).toMatchObject({ traceId: failed?.traceId })
  expect(unmatched).toMatchObject({ name: 'GET unmatched', status: 0 })
  expect(collector.bodies.join('')).not.toMatch(/ann|secret/)
  await collector[Symbol.asyncDispose]()
})

test('a call of another service goes on with the trace it names, and without one has none', async () => {
  const { collector, log, metrics, tracing } = await setUp()
  const secret = 'shown to one another'
  const app = createInternalApp({ log, metrics, secret, ready: async () => {}, tracing })
  const spans: (string | undefined)[] = []
  serveRpc(app, 'presence/seen', async (_request, span) => {
    spans.push(span?.traceId)
    return {}
  })
  for (const headers of [foreign, {}])
    await app.inject({
      method: 'POST',
      url: '/rpc/presence/seen',
      headers: { 'x-parley-internal': secret, ...headers },
      body: { seen: [] },
    })
  await app.inject('/livez')
  await tracing?.[Symbol.asyncDispose]()
  expect(spans).toEqual(['a'.repeat(32), undefined])
  expect(collector.spans).toEqual([
    expect.objectContaining({ name: 'presence/seen', traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) }),
  ])
  await collector[Symbol.asyncDispose]()
})
