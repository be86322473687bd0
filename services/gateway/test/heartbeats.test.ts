import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { loadConfig } from '../src/config.ts'
import { connectClient, refusedWith, test as base } from './fixture.ts'

const beats = { HEARTBEAT_FOREGROUND_MS: '1000', HEARTBEAT_TIMEOUT_MS: '1200', HEARTBEAT_MISSES: '3' }

const test = base.extend('node', { scope: 'file' }, async ({ start }, { onCleanup }) => {
  const node = await start('beating', { ...beats, HEARTBEAT_BACKGROUND_MS: '60000' })
  onCleanup(() => node[Symbol.asyncDispose]())
  return node
})

/** An Engine.IO connection by hand, which answers beats as it is told. */
async function connectRaw(url: string, query = '') {
  const raw = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket${query}`)
  const heard: string[] = []
  raw.on('message', (data: Buffer) => heard.push(data.toString()))
  await once(raw, 'open')
  await vi.waitUntil(() => heard.length > 0)
  return {
    raw,
    opened: JSON.parse(heard[0]?.slice(1) ?? '{}') as { sid: string },
    pings: () => heard.filter((text) => text === '2').length,
    enter: (token: string) => raw.send(`40${JSON.stringify({ token })}`),
  }
}

/** Counts the bytes of one connection after another, both ways, as TCP carries them. */
async function startMeter(port: number) {
  let bytes = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('data', (chunk) => {
        bytes += chunk.length
        to.write(chunk)
      })
      from.on('close', () => to.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    bytes: () => bytes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const metric = async (url: string, line: string) =>
  Number(
    (await (await fetch(`${url}/metrics`)).text())
      .split('\n')
      .find((it) => it.startsWith(line))
      ?.split(' ')[1],
  )

describe('heartbeats', () => {
  test.for([
    ['', 1_000],
    ['&heartbeat=foreground', 1_000],
    ['&heartbeat=background', 60_000],
  ] as const)(
    'A2.3 a connection with "%s" in its query is told its interval',
    async ([query, interval], { node }) => {
      const { raw, opened } = await connectRaw(node.url, query)
      expect(opened).toMatchObject({ pingInterval: interval, pingTimeout: 1_200 })
      raw.close()
    },
  )

  test.for([
    ['websocket', ['websocket']],
    ['polling', ['polling']],
    ['polling that becomes websocket', ['polling', 'websocket']],
  ] as const)(
    'A2.3 a client over %s hears what is prescribed for its profile, and what is for the other',
    async ([, transports], { node, issuer }) => {
      await using phone = await connectClient(node.url, issuer, {
        transports: [...transports],
        heartbeat: 'background',
        once: ['session:ready'],
      })
      const background = { profile: 'background', intervalMs: 60_000, timeoutMs: 1_200 }
      expect(await phone.heard('session:ready')).toMatchObject({
        heartbeat: background,
        time: expect.any(String),
      })
      expect(await phone.ask('app:state', { state: 'background' })).toMatchObject({
        data: { heartbeat: background },
      })
      expect(await phone.ask('app:state', { state: 'foreground' })).toMatchObject({
        data: { heartbeat: { profile: 'foreground', intervalMs: 1_000 } },
      })
      expect(await phone.ask('log:sync', {})).toMatchObject({ ok: true })
    },
  )

  test('P10 a profile that does not exist is refused with a code', async ({ node, issuer }) => {
    const token = await issuer.sign({ userId: 'odd' })
    expect((await refusedWith(node.url, { token }, {}, { heartbeat: 'never' })).data?.code).toBe(
      'invalid_request',
    )
  })

  test('A2.4 one answer in three keeps a connection, three misses end it, and both are counted by profile', async ({
    node,
    issuer,
  }) => {
    const silent = await connectRaw(node.url)
    silent.enter(await issuer.sign({ userId: 'silent' }))
    const late = await connectRaw(node.url)
    late.enter(await issuer.sign({ userId: 'late' }))
    late.raw.on('message', () => {
      if (late.pings() % 3 === 0 && late.pings() > 0) late.raw.send('3')
    })
    await once(silent.raw, 'close')
    expect(silent.pings()).toBe(3)
    await vi.waitUntil(() => late.pings() >= 6)
    expect(late.raw.readyState).toBe(WebSocket.OPEN)
    const [missed, dead] = ['missed', 'deaths']
    expect(
      await metric(node.internalUrl, `parley_gateway_heartbeats_${missed}_total{profile="foreground"`),
    ).toBeGreaterThanOrEqual(7)
    expect(
      await metric(node.internalUrl, `parley_gateway_heartbeat_${dead}_total{profile="foreground"`),
    ).toBe(1)
    late.raw.close()
  })

  // docs/presence.md states these figures.
  test.for([
    ['websocket', 10, 10],
    ['polling', 500, 1_000],
  ] as const)(
    'A2.7 a beat over %s costs from %i to %i bytes',
    async ([transport, least, most], { node, issuer }) => {
      await using meter = await startMeter(Number(new URL(node.url).port))
      await using phone = await connectClient(meter.url, issuer, { transports: [transport] })
      const readings: number[] = []
      phone.socket.io.on('ping', () => readings.push(meter.bytes()))
      await vi.waitUntil(() => readings.length === 4)
      const [, first = 0, , last = 0] = readings
      const bytesPerBeat = (last - first) / 2
      expect(bytesPerBeat).toBeGreaterThanOrEqual(least)
      expect(bytesPerBeat).toBeLessThanOrEqual(most)
    },
  )
})

test.for([
  [{ HEARTBEAT_FOREGROUND_MS: '60000', HEARTBEAT_BACKGROUND_MS: '30000' }, 'HEARTBEAT_BACKGROUND_MS'],
  [{ HEARTBEAT_FOREGROUND_MS: '10' }, 'HEARTBEAT_FOREGROUND_MS'],
  [{ HEARTBEAT_MISSES: '0' }, 'HEARTBEAT_MISSES'],
] as const)('a configuration of %o is refused by name', ([env, name]) => {
  const complete = { REDIS_URL: 'redis://127.0.0.1', INTERNAL_SECRET: 'x'.repeat(16) }
  expect(() => loadConfig({ ...complete, ...env })).toThrow(name)
})
