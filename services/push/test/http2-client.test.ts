import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import {
  type ApnsSimulator,
  type ApnsSimulatorOptions,
  startApnsSimulator,
} from '@parley/testing/apns-simulator'
import { createCertificate } from '@parley/testing/certificates'
import type { FaultRule } from '@parley/testing/http2-simulator'
import { importPKCS8, SignJWT } from 'jose'
import { pino } from 'pino'
import { describe, expect, test, vi } from 'vitest'
import { createHttp2Client } from '../src/http2/client.ts'
import { frame, frameType, settingsFrame } from '../src/http2/frames.ts'
import { apnsPolicy, type ConnectionPolicy } from '../src/http2/policy.ts'
import type { Http2Request, Http2Result } from '../src/http2/request.ts'

const log = pino({ level: 'silent' })
const sends = 2_000
const token = 'ab'.repeat(32)

/** A busy machine may take long to answer; only what is never answered may run out of time. */
const patient = { requestTimeoutMs: 60_000, pendingTimeoutMs: 60_000, connectTimeoutMs: 60_000 }

async function connect(
  simulator: Omit<ApnsSimulatorOptions, 'keep'> = {},
  policy: Partial<ConnectionPolicy> = {},
  { warm = false } = {},
) {
  const stack = new AsyncDisposableStack()
  const apns = stack.use(await startApnsSimulator({ ...simulator, keep: 50_000 }))
  const events: string[] = []
  const client = stack.use(
    createHttp2Client({
      origin: apns.url,
      ca: apns.ca,
      policy: { ...apnsPolicy, ...patient, ...policy },
      log,
      warm,
      count: (event) => events.push(event),
    }),
  )
  const authorization = `bearer ${await providerToken(apns)}`
  const request = (id: string = randomUUID()): Http2Request => ({
    method: 'POST',
    path: `/3/device/${token}`,
    headers: { authorization, 'apns-id': id, 'apns-topic': 'app', 'apns-push-type': 'alert' },
    body: '{"aps":{"alert":"hi"}}',
  })
  const dispose = () => stack.disposeAsync()
  return { apns, client, request, events, stack, [Symbol.asyncDispose]: dispose }
}

/** A provider whose every connection begins with SETTINGS and ends with GOAWAY. */
async function startFarewells() {
  const { key, cert, ca } = await createCertificate()
  const sockets = new Set<TLSSocket>()
  let connections = 0
  const server = createTlsServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.end(Buffer.concat([settingsFrame([]), frame({ type: frameType.goaway }, Buffer.alloc(8))]))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: { origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca },
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function providerToken({ credentials }: ApnsSimulator): Promise<string> {
  const key = await importPKCS8(credentials.privateKey, 'ES256')
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: credentials.keyId })
    .setIssuer(credentials.teamId)
    .setIssuedAt()
    .sign(key)
}

/** A way to a port of this machine that can swallow what goes over it, as a router does that lost its state. */
async function startPath(port: number) {
  const sockets = new Set<Socket>()
  let swallowing = false
  const server = createServer((near) => {
    const far = connectTcp(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => swallowing || to.write(chunk))
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
    sockets.add(near)
    near.on('close', () => sockets.delete(near))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.size,
    swallow: () => void (swallowing = true),
    pass: () => void (swallowing = false),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** How often each `apns-id` was processed, and what its sender was told. */
async function sendAll({ apns, client, request }: Awaited<ReturnType<typeof connect>>) {
  const results = new Map<string, Http2Result>()
  await Promise.all(
    Array.from({ length: sends }, async () => {
      const id = randomUUID()
      results.set(id, await client.send(request(id)))
    }),
  )
  const processed = new Map<string, number>()
  for (const { headers } of apns.received()) {
    const id = headers['apns-id'] ?? ''
    processed.set(id, (processed.get(id) ?? 0) + 1)
  }
  const tally = Object.groupBy(results.values(), outcome)
  const counts = Object.fromEntries(Object.entries(tally).map(([name, list]) => [name, list?.length]))
  return { results, processed, counts }
}

function outcome(result: Http2Result): string {
  return result.kind === 'answered' ? String(result.status) : `${result.kind} ${result.reason}`
}

/** Once, on the 300th request of each of the first five connections: every later one is healthy. */
const onceEach =
  (fault: ReturnType<FaultRule>): FaultRule =>
  ({ numberOnConnection, connection }) =>
    numberOnConnection === 300 && connection.number <= 5 ? fault : undefined

describe(`${sends} requests through a faulty provider`, () => {
  test.for<[string, FaultRule | undefined]>([
    ['no fault', undefined],
    [
      'GOAWAY that keeps its promise',
      onceEach({ kind: 'goaway', lastStream: 'this', data: '{"reason":"Shutdown"}' }),
    ],
    ['GOAWAY with an error', onceEach({ kind: 'goaway', lastStream: 'this', code: 2 })],
    ['GOAWAY that disowns streams under way', onceEach({ kind: 'goaway', lastStream: 'previous' })],
    ['REFUSED_STREAM on every 16th', ({ number }) => (number % 16 === 0 ? { kind: 'refuse' } : undefined)],
  ])('%s: each is processed once and answered 200', async ([, faults]) => {
    await using connection = await connect(faults ? { faults } : {})
    const { results, processed, counts } = await sendAll(connection)
    expect(counts).toEqual({ 200: sends })
    expect(processed.size).toBe(sends)
    expect([...processed.values()].every((times) => times === 1)).toBe(true)
    expect(results.size).toBe(sends)
  })

  test.for<[string, FaultRule, string[]]>([
    ['a connection cut', onceEach({ kind: 'kill' }), ['200', 'unknown disconnected']],
    [
      'a stream reset',
      ({ number }) => (number % 16 === 0 ? { kind: 'reset' } : undefined),
      ['200', 'unknown reset'],
    ],
    [
      'no answer',
      ({ number }) => (number % 50 === 7 ? { kind: 'hang' } : undefined),
      ['200', 'unknown timeout'],
    ],
  ])('%s: each is processed at most once, and 200 or unknown', async ([name, faults, allowed]) => {
    await using connection = await connect(
      { faults },
      name === 'no answer' ? { requestTimeoutMs: 5_000 } : {},
    )
    const { results, processed, counts } = await sendAll(connection)
    expect(Object.keys(counts).toSorted()).toEqual(allowed)
    // What was answered was processed; what is unknown may have been; nothing is repeated on a guess.
    const wrong = [...results].filter(([id, result]) => {
      const times = processed.get(id) ?? 0
      return result.kind === 'answered' ? times !== 1 : times > 1
    })
    expect(wrong).toEqual([])
    expect(results.size).toBe(sends)
  })

  test.for<[string, number, string]>([
    ['429', 429, 'TooManyRequests'],
    ['500', 500, 'InternalServerError'],
    ['503', 503, 'ServiceUnavailable'],
  ])('%s on every 16th: the answer reaches its sender and no other', async ([, status, reason]) => {
    const body = JSON.stringify({ reason })
    const faults: FaultRule = ({ number }) =>
      number % 16 === 0 ? { kind: 'answer', status, body, headers: { 'retry-after': '7' } } : undefined
    await using connection = await connect({ faults })
    const { results, processed, counts } = await sendAll(connection)
    expect(counts).toEqual({ 200: sends - sends / 16, [status]: sends / 16 })
    expect(processed.size).toBe(sends - sends / 16)
    const refused = [...results.values()].find((result) => outcome(result) === String(status))
    expect(refused).toMatchObject({ body, headers: { 'retry-after': '7' } })
    expect(connection.apns.connections()).toBeLessThanOrEqual(2)
  })
})

describe('a connection', () => {
  test('carries nothing before its SETTINGS, then one request, then as many as allowed', async () => {
    await using connection = await connect({ settingsDelayMs: 300 }, { maxConnections: 1 })
    const { counts } = await sendAll(connection)
    expect(counts).toEqual({ 200: sends })
    expect(connection.apns.connections()).toBe(1)
  })

  test('that never sends SETTINGS is given up, and its requests are known to be unsent', async () => {
    await using connection = await connect(
      { settingsDelayMs: 60_000 },
      { connectTimeoutMs: 100, pendingTimeoutMs: 5_000 },
    )
    expect(await connection.client.send(connection.request())).toEqual({
      kind: 'unsent',
      reason: 'unreachable',
    })
    expect(connection.events.filter((event) => event === 'failed').length).toBe(3)
  })

  test('is closed when it has been idle, and opened again when there is something to send', async () => {
    await using connection = await connect({}, { idleCloseMs: 100 })
    expect(outcome(await connection.client.send(connection.request()))).toBe('200')
    const sentAfterIdle = await vi.waitUntil(
      async () => {
        const result = await connection.client.send(connection.request())
        return result.kind === 'answered' && result.connection > 1 ? result : undefined
      },
      { interval: 250 },
    )
    expect(sentAfterIdle.status).toBe(200)
    expect(connection.events).not.toContain('failed')
  })

  test('that is kept warm is there before the first request, and again when it has gone, without counting as failed', async () => {
    await using connection = await connect({}, { idleCloseMs: 50 }, { warm: true })
    await vi.waitUntil(() => connection.apns.connections() >= 5)
    expect(connection.events).not.toContain('failed')
    expect(await connection.client.send(connection.request())).toMatchObject({ status: 200 })
  })

  test('that says goodbye at once is not opened again at once, however often it says that it is ready', async () => {
    await using peer = await startFarewells()
    await using client = createHttp2Client({ ...peer.address, policy: apnsPolicy, log, warm: true })
    const asked = client.send({ method: 'POST', path: '/', headers: {}, body: '' })
    expect(await asked).toEqual({ kind: 'unsent', reason: 'unreachable' })
    const startedAt = Date.now()
    await vi.waitUntil(() => peer.connections() >= 7)
    // After three failures the waits are 0.2, 0.4, 0.8 and 1.6 s at least.
    expect(Date.now() - startedAt).toBeGreaterThan(1_500)
  })

  test('is taken out of use on request, after what it carries', async () => {
    await using connection = await connect()
    const first = await connection.client.send(connection.request())
    expect(first).toMatchObject({ status: 200, connection: 1 })
    connection.client.retire(1)
    expect(await connection.client.send(connection.request())).toMatchObject({ status: 200, connection: 2 })
  })

  test('whose path has gone dead is found out by a ping, before a push is lost on it', async () => {
    await using stack = new AsyncDisposableStack()
    const apns = stack.use(await startApnsSimulator())
    const path = stack.use(await startPath(Number(new URL(apns.url).port)))
    const ping = { afterIdleMs: 50, limitMs: 100 }
    const client = stack.use(
      createHttp2Client({ origin: path.url, ca: apns.ca, policy: { ...apnsPolicy, ping }, log }),
    )
    const request = { method: 'GET', path: '/', headers: {}, body: '' }
    expect(await client.send(request)).toMatchObject({ connection: 1 })
    path.swallow()
    await vi.waitUntil(() => path.open() === 0)
    path.pass()
    expect(await client.send(request)).toMatchObject({ kind: 'answered', connection: 2 })
  })

  test('that answers nothing any more is left after three requests timed out', async () => {
    const faults: FaultRule = ({ connection, numberOnConnection }) =>
      connection.number === 1 && numberOnConnection > 1 ? { kind: 'hang' } : undefined
    await using connection = await connect({ faults }, { requestTimeoutMs: 1_000, maxConnections: 1 })
    expect(await connection.client.send(connection.request())).toMatchObject({ status: 200, connection: 1 })
    const hung = await Promise.all([1, 2, 3].map(() => connection.client.send(connection.request())))
    expect(hung.map(outcome)).toEqual(Array(3).fill('unknown timeout'))
    expect(await connection.client.send(connection.request())).toMatchObject({ status: 200, connection: 2 })
  })
})

describe('the queue in front of it', () => {
  test('refuses what exceeds it, and keeps what it took', async () => {
    await using connection = await connect({ settingsDelayMs: 200 }, { maxPending: 10 })
    const results = await Promise.all(
      Array.from({ length: 15 }, () => connection.client.send(connection.request())),
    )
    expect(Object.groupBy(results, outcome)).toMatchObject({
      200: { length: 10 },
      'unsent overloaded': { length: 5 },
    })
  })

  test('gives up what waited too long, unsent', async () => {
    await using connection = await connect({ settingsDelayMs: 5_000 }, { pendingTimeoutMs: 100 })
    expect(await connection.client.send(connection.request())).toEqual({ kind: 'unsent', reason: 'deadline' })
    expect(connection.apns.received()).toEqual([])
  })

  test('is finished before disposal ends, and takes nothing more', async () => {
    const connection = await connect({ settingsDelayMs: 200 })
    const { client, request } = connection
    const results = Array.from({ length: 100 }, () => client.send(request()))
    const disposed = client[Symbol.asyncDispose]()
    expect(await client.send(request())).toEqual({ kind: 'unsent', reason: 'closed' })
    await disposed
    expect((await Promise.all(results)).map(outcome)).toEqual(Array(100).fill('200'))
    await connection.stack.disposeAsync()
  })

  test('tells at once that a provider cannot be reached, once that has been seen three times', async () => {
    const gone = await connect()
    const { client, request } = gone
    await gone.apns[Symbol.asyncDispose]()
    expect(await client.send(request())).toEqual({ kind: 'unsent', reason: 'unreachable' })
    const startedAt = Date.now()
    expect(await client.send(request())).toEqual({ kind: 'unsent', reason: 'unreachable' })
    expect(Date.now() - startedAt).toBeLessThan(50)
    await client[Symbol.asyncDispose]()
  })
})
