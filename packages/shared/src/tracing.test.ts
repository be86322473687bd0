import { startTraceCollector } from '@parley/testing/trace-collector'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { AppError } from './errors.ts'
import { during, loadTracing, openTracing, traceIdOf, tracingEnv } from './tracing.ts'

const log = pino({ level: 'silent' })
const Env = z.object(tracingEnv)

async function open(endpoint: string, { ratio = 1, headers = {} } = {}) {
  const metrics = new Registry()
  const tracing = await openTracing({
    config: { endpoint, headers, ratio },
    service: 'test',
    instance: 'here',
    log,
    metrics,
  })
  if (!tracing) throw new Error('tracing is off')
  const count = async (name: string) =>
    (await metrics.getSingleMetric(`parley_trace_spans_${name}_total`)?.get())?.values[0]?.value
  return Object.assign(tracing, { count })
}

test('is off without the address of a collector, and then loads nothing', async () => {
  expect(loadTracing(Env.parse({}))).toBeUndefined()
  expect(
    await openTracing({ config: undefined, service: 'test', log, metrics: new Registry() }),
  ).toBeUndefined()
})

test('takes the variables of the standard, and one trace in a hundred unless told otherwise', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318/'
  expect(loadTracing(Env.parse({ OTEL_EXPORTER_OTLP_ENDPOINT }))).toEqual({
    endpoint: 'http://collector:4318',
    headers: {},
    ratio: 0.01,
  })
  const OTEL_EXPORTER_OTLP_HEADERS = 'api-key=a=b, authorization=Basic%20xyz'
  expect(
    loadTracing(Env.parse({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS }))?.headers,
  ).toEqual({
    'api-key': 'a=b',
    authorization: 'Basic xyz',
  })
  for (const wrong of [{ OTEL_TRACES_SAMPLER_ARG: '1.1' }, { OTEL_EXPORTER_OTLP_HEADERS: 'no value' }])
    expect(Env.safeParse(wrong).success).toBe(false)
})

test('a trace goes on wherever its traceparent is carried, with links, failures and the headers of the collector', async () => {
  await using collector = await startTraceCollector()
  const first = await open(collector.url, { headers: { 'api-key': 'secret' } })
  const second = await open(collector.url, { ratio: 0 })
  const root = first.begin('send', { kind: 'server', attributes: { rooms: 2 } })
  const other = first.begin('another')
  const child = second.follow(root?.traceparent, 'commit')
  child?.link(other?.traceparent ?? '')
  child?.end(new AppError('unavailable', 'with words that stay here'))
  await expect(during(other, () => Promise.reject(new TypeError('secret')))).rejects.toThrow(TypeError)
  expect(await during(root, async () => 'done')).toBe('done')
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()

  const [send, commit, another] = ['send', 'commit', 'another'].map((name) =>
    collector.spans.find((span) => span.name === name),
  )
  expect(root?.traceId).toBe(traceIdOf(root?.traceparent))
  expect(send).toMatchObject({ service: 'parley-test', instance: 'here', traceId: root?.traceId, status: 0 })
  expect(send?.attributes).toEqual({ rooms: 2 })
  expect(commit).toMatchObject({ traceId: root?.traceId, parentSpanId: send?.spanId, status: 2 })
  expect(commit?.attributes).toEqual({ 'error.type': 'unavailable' })
  expect(commit?.links).toEqual([{ traceId: another?.traceId, spanId: another?.spanId }])
  expect(another).toMatchObject({ status: 2, attributes: { 'error.type': 'TypeError' } })
  expect(collector.bodies.join('')).not.toMatch(/secret|words/)
  expect(collector.headers.some((headers) => headers['api-key'] === 'secret')).toBe(true)
})

test('with a share of 0 nothing is recorded, and what names no trace is followed by nothing', async () => {
  await using collector = await startTraceCollector()
  const tracing = await open(collector.url, { ratio: 0 })
  expect(Array.from({ length: 1_000 }, () => tracing.begin('send')).filter(Boolean)).toEqual([])
  const unsampled = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`
  for (const traceparent of [undefined, '', 'garbage', unsampled])
    expect(tracing.follow(traceparent, 'commit')).toBeUndefined()
  await tracing[Symbol.asyncDispose]()
  expect(collector.bodies).toEqual([])
})

test('P10 a collector that does not answer costs spans beyond the queue, and neither time nor memory', async () => {
  await using collector = await startTraceCollector()
  const held: (() => void)[] = []
  const taken = collector.answer
  collector.answer = (response, keep) => void held.push(() => taken(response, keep))
  const tracing = await open(collector.url)
  const begun = performance.now()
  for (let i = 0; i < 20_000; i++) {
    tracing.begin('send')?.end()
    if (i % 500 === 0) await new Promise(setImmediate)
  }
  expect(performance.now() - begun).toBeLessThan(5_000)
  await vi.waitUntil(() => held.length > 0)
  // What it holds back, and a queue of 2,048 behind it.
  collector.answer = taken
  for (const go of held) go()
  await tracing[Symbol.asyncDispose]()
  expect(await tracing.count('ended')).toBe(20_000)
  expect(collector.spans.length).toBeGreaterThan(2_000)
  expect(collector.spans.length).toBeLessThanOrEqual(2_048 + 512)
  expect(await tracing.count('exported')).toBe(collector.spans.length)
})

test('P10 with a collector that is away or refuses, a process ends in time all the same', async () => {
  await using collector = await startTraceCollector()
  collector.answer = (response) => void response.writeHead(503).end()
  for (const url of ['http://127.0.0.1:1', collector.url]) {
    const tracing = await open(url)
    for (let i = 0; i < 3_000; i++) tracing.begin('send')?.end()
    const begun = performance.now()
    await tracing[Symbol.asyncDispose]()
    // Far less than the tries of an export may take.
    expect(performance.now() - begun).toBeLessThan(4_500)
    expect(await tracing.count('exported')).toBe(0)
  }
})
