import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createHttpApp } from '@parley/shared/http'
import { createLogger } from '@parley/shared/log'
import { findFreePort } from '@parley/testing/free-port'
import { expect, test } from 'vitest'
import { startEdge } from '../src/edge/edge.ts'

const log = createLogger('edge', { level: 'silent' })

interface Upstream extends AsyncDisposable {
  name: string
  url: string
  server: Server
  ready: boolean
  seen: { url: string; headers: IncomingMessage['headers']; body: string }[]
}

/** A service that says its name, echoes what comes over an upgraded connection, and tells whether it is ready. */
async function startUpstream(name: string): Promise<Upstream> {
  const server = createServer((req, res) => {
    if (req.url === '/readyz') return void res.writeHead(upstream.ready ? 200 : 503).end()
    void text(req).then((body) => {
      upstream.seen.push({ url: req.url ?? '', headers: req.headers, body })
      res.end(name)
    })
  })
  server.on('upgrade', (req, socket) => {
    upstream.seen.push({ url: req.url ?? '', headers: req.headers, body: '' })
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-name: ${name}\r\n\r\n`,
    )
    socket.pipe(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream: Upstream = {
    name,
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ready: true,
    seen: [],
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return upstream
}

const addressOf = ({ name, url }: Upstream) => ({ id: name, url, readyUrl: `${url}/readyz` })

async function startAll() {
  await using opened = new AsyncDisposableStack()
  const open = async (name: string) => opened.use(await startUpstream(name))
  const parts = {
    messages: await open('messages'),
    media: await open('media'),
    g1: await open('g1'),
    g2: await open('g2'),
  }
  const { messages, media, g1, g2 } = parts
  const edge = opened.use(
    await startEdge({
      port: 0,
      host: '127.0.0.1',
      log,
      messages: [addressOf(messages)],
      media: [addressOf(media)],
      gateways: [g1, g2].map(addressOf),
    }),
  )
  const owned = opened.move()
  return { ...parts, url: edge.url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function get(url: string): Promise<string> {
  return (await fetch(url)).text()
}

/** Opens an upgraded connection and gives back the answer's head and what was echoed. */
async function upgrade(url: string, path: string): Promise<{ head: string; echo?: string }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`)
  try {
    const head = String((await once(socket, 'data'))[0])
    if (!head.startsWith('HTTP/1.1 101')) return { head }
    socket.write('hello')
    return { head, echo: String((await once(socket, 'data'))[0]) }
  } finally {
    socket.destroy()
  }
}

test('each path reaches its own service, and no other path reaches any', async () => {
  await using all = await startAll()
  expect(await get(`${all.url}/v1/messages`)).toBe('messages')
  expect(await get(`${all.url}/v1/media/x`)).toBe('media')
  expect(await get(`${all.url}/socket.io/?EIO=4`)).toMatch(/^g[12]$/)
  expect(await get(`${all.url}/`)).toContain('Parley is running')
  for (const path of ['/rpc/messages/send', '/metrics', '/readyz', '/v1/../metrics', '/%2e%2e/rpc']) {
    const response = await fetch(all.url + path)
    expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'not_found' } }])
  }
})

test('a session of the socket stays with the gateway that named it; others go round', async () => {
  await using all = await startAll()
  for (let i = 0; i < 4; i++) expect(await get(`${all.url}/socket.io/?sid=g2.abc`)).toBe('g2')
  const names = await Promise.all([1, 2, 3, 4].map(() => get(`${all.url}/socket.io/?EIO=4`)))
  expect(names.toSorted((a, b) => a.localeCompare(b))).toEqual(['g1', 'g1', 'g2', 'g2'])
})

test('new connections skip a gateway that is dead or draining, and are refused with a code when none is left', async () => {
  await using all = await startAll()
  await all.g1[Symbol.asyncDispose]()
  for (let i = 0; i < 4; i++) expect(await get(`${all.url}/socket.io/?EIO=4`)).toBe('g2')
  expect((await upgrade(all.url, '/socket.io/?EIO=4')).head).toContain('x-name: g2')
  all.g2.ready = false
  await expect
    .poll(async () => {
      const response = await fetch(`${all.url}/socket.io/?EIO=4`)
      return [response.status, (await response.json().catch(() => ({}))) as unknown]
    })
    .toMatchObject([503, { error: { code: 'unavailable', retryable: true } }])
  expect((await upgrade(all.url, '/socket.io/?EIO=4')).head).toMatch(
    /^HTTP\/1.1 503 [^]*"code":"unavailable"/,
  )
})

test('an upgraded connection carries bytes both ways and ends on both sides', async () => {
  await using all = await startAll()
  expect(await upgrade(all.url, '/socket.io/?sid=g1.x')).toEqual({
    head: expect.stringContaining('x-name: g1'),
    echo: 'hello',
  })
  await expect
    .poll(
      () => new Promise<number>((resolve) => all.g1.server.getConnections((_err, count) => resolve(count))),
    )
    .toBe(0)
})

test('nothing but the socket is upgraded', async () => {
  await using all = await startAll()
  expect((await upgrade(all.url, '/v1/messages')).head).toMatch(/^HTTP\/1.1 404 /)
})

test('a service that does not answer is a 502 with a code, to a request and to an upgrade', async () => {
  await using all = await startAll()
  await Promise.all([all.messages[Symbol.asyncDispose](), all.g1[Symbol.asyncDispose]()])
  const response = await fetch(`${all.url}/v1/messages`, { method: 'POST', body: 'x'.repeat(100_000) })
  expect([response.status, await response.json()]).toMatchObject([
    502,
    { error: { code: 'unavailable', retryable: true } },
  ])
  expect((await upgrade(all.url, '/socket.io/?sid=g1.x')).head).toMatch(
    /^HTTP\/1.1 502 [^]*"code":"unavailable"/,
  )
})

test('a service hears who asked, and not what the asker claims of it', async () => {
  await using all = await startAll()
  const req = request(`${all.url}/v1/x`, {
    headers: {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      forwarded: 'for=6.6.6.6',
      host: 'chat.test:8080',
    },
  })
  req.end()
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  await text(response)
  expect(all.messages.seen[0]?.headers).toMatchObject({
    host: 'chat.test:8080',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'chat.test:8080',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': '8080',
  })
  expect(all.messages.seen[0]?.headers).not.toHaveProperty('forwarded')
})

test('a body streams through whole', async () => {
  await using all = await startAll()
  const body = 'x'.repeat(5_000_000)
  await fetch(`${all.url}/v1/media/uploads/1`, { method: 'PUT', body })
  expect(all.media.seen[0]?.body).toBe(body)
})

test('a client that leaves while its gateway is chosen does no harm', async () => {
  await using all = await startAll()
  const port = Number(new URL(all.url).port)
  for (let i = 0; i < 20; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /socket.io/ HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n')
    await once(socket, 'connect')
    socket.resetAndDestroy()
  }
  expect(await get(`${all.url}/v1/x`)).toBe('messages')
})

test('a port that is taken is refused at the start', async () => {
  const port = await findFreePort()
  const nothing = { port, host: '127.0.0.1', log, messages: [], media: [], gateways: [] }
  await using taken = await startEdge(nothing)
  expect(taken.url).toContain(String(port))
  await expect(startEdge(nothing)).rejects.toThrow('EADDRINUSE')
})

test('what a service tells a web app of another origin passes', async () => {
  const origin = 'https://chat.example'
  const service = createHttpApp(log, { allowedOrigins: [origin] })
  await using opened = new AsyncDisposableStack()
  opened.defer(() => service.close())
  service.post('/v1/sessions', async () => ({}))
  const url = await service.listen({ host: '127.0.0.1', port: 0 })
  const here = [{ id: 'm1', url, readyUrl: url }]
  const edge = opened.use(
    await startEdge({ port: 0, host: '127.0.0.1', log, messages: here, media: here, gateways: here }),
  )
  const answers = await Promise.all([
    fetch(`${edge.url}/v1/sessions`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    }),
    fetch(`${edge.url}/v1/sessions`, { method: 'POST', headers: { origin } }),
  ])
  expect(answers.map(({ status, headers }) => [status, headers.get('access-control-allow-origin')])).toEqual([
    [204, origin],
    [200, origin],
  ])
})
