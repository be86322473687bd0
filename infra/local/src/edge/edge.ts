import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { AppError } from '@parley/shared/errors'
import type { Logger } from '@parley/shared/log'
import { createProxyServer } from 'httpxy'
import { createInstancePool, type InstanceAddress } from './instance-pool.ts'
import { renderPage } from './page.ts'
import { type Destination, destinationOf } from './routes.ts'

export interface EdgeOptions {
  port: number
  host: string
  messages: InstanceAddress[]
  media: InstanceAddress[]
  gateways: InstanceAddress[]
  inspectorUrl?: string
  log: Logger
}

/** Silence after which a request is given up. A poll of Engine.IO is answered within its ping interval. */
const silenceMs = { gateway: 400_000, messages: 35_000, media: 120_000 }

/**
 * The one origin of a stack on one machine, as an ingress is in a cluster: paths to services, sessions of the
 * socket to the gateway that holds them. Bodies stream through; nothing is kept.
 */
export async function startEdge(options: EdgeOptions): Promise<AsyncDisposable & { url: string }> {
  const { log } = options
  const pools = {
    messages: createInstancePool(options.messages),
    media: createInstancePool(options.media),
    gateway: createInstancePool(options.gateways),
  }
  const page = renderPage(options.inspectorUrl)
  // Long polls hold their connection, so the agent's usual bound would be a bound on clients.
  const agent = new Agent({ keepAlive: true, maxSockets: 20_000, maxFreeSockets: 64 })
  const proxy = createProxyServer({ agent, xfwd: true, upgradeTimeout: 10_000 })

  proxy.on('error', (err, _req, res) => {
    log.warn({ err }, 'a service does not answer')
    if (res) refuse(res, 502, new AppError('unavailable', 'a service does not answer', { retryAfterMs: 500 }))
  })
  proxy.on('proxyReqWs', (proxyReq, _req, socket) => {
    proxyReq.once('upgrade', (_res, upstream: Socket) => {
      socket.once('close', () => upstream.destroy())
      upstream.once('close', () => socket.destroySoon())
    })
  })

  async function targetOf(destination: Destination, url: URL): Promise<string> {
    if (destination === 'page' || destination === 'none')
      throw new AppError('not_found', 'there is nothing at this path')
    const sid = destination === 'gateway' ? (url.searchParams.get('sid') ?? '') : ''
    const instance = pools[destination].ownerOf(sid) ?? (await pools[destination].next())
    if (!instance) throw new AppError('unavailable', 'no instance takes requests', { retryAfterMs: 1_000 })
    return instance.url
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = parseTarget(req)
    const destination = destinationOf(url.pathname)
    if (destination === 'page') {
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
      return
    }
    const target = await targetOf(destination, url)
    if (res.destroyed) return
    const proxyTimeout = destination in silenceMs ? silenceMs[destination as keyof typeof silenceMs] : 35_000
    await proxy.web(req, res, { target, proxyTimeout })
  }

  async function upgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    // Without a listener a client that goes away during the choice of a gateway would end this process.
    const ignore = () => {}
    socket.on('error', ignore)
    const url = parseTarget(req)
    const destination = destinationOf(url.pathname)
    if (destination !== 'gateway') throw new AppError('not_found', 'there is no socket at this path')
    const target = await targetOf(destination, url)
    if (socket.destroyed) return
    await proxy.ws(req, socket, { target }, head)
  }

  const server = createServer({ requestTimeout: 600_000, headersTimeout: 30_000 }, (req, res) => {
    serve(req, res).catch((cause: unknown) => refuse(res, undefined, cause))
  })
  server.on('upgrade', (req, socket, head) => {
    if (!(socket instanceof Socket)) return
    upgrade(req, socket, head).catch((cause: unknown) => refuse(socket, undefined, cause))
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
}

/** The URL a request names. This is the first hop, so what a client says of earlier ones is not believed. */
function parseTarget(req: IncomingMessage): URL {
  for (const name of ['for', 'host', 'port', 'proto']) delete req.headers[`x-forwarded-${name}`]
  delete req.headers.forwarded
  const url = URL.parse(req.url ?? '/', 'http://edge')
  if (!url) throw new AppError('invalid_request', 'the path is not valid')
  return url
}

function refuse(res: ServerResponse | Socket, status: number | undefined, cause: unknown): void {
  const error = AppError.from(cause)
  const body = JSON.stringify({ error: error.toJSON() })
  const code = status ?? error.status
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  if (res instanceof Socket) {
    if (!res.writable) return
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    res.end([`HTTP/1.1 ${code} Refused`, ...lines, '', body].join('\r\n'))
    return
  }
  if (res.headersSent) res.destroy()
  else res.writeHead(code, headers).end(body)
}
