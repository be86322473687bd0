import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Server } from 'socket.io'

type Engine = Server['engine']

interface Refusal {
  status: 403 | 503
  reason: string
  headers: Record<string, string>
}

interface DoorOptions {
  allowedOrigins: string[]
  isDraining: () => boolean
}

/** Whether a browser of this origin may connect. An app that is no browser sends none, and proves itself by its token. */
export function isOriginAllowed(request: IncomingMessage, allowedOrigins: string[]): boolean {
  const { origin } = request.headers
  return origin === undefined || allowedOrigins.includes(origin)
}

/**
 * Refuses before Engine.IO spends anything on a request, with the status a balancer understands: Engine.IO itself
 * answers every refused upgrade with 400. A request of a session that is here already passes while draining.
 */
export function guardDoor(engine: Engine, { allowedOrigins, isDraining }: DoorOptions): void {
  function refusalOf(request: IncomingMessage): Refusal | undefined {
    if (!isOriginAllowed(request, allowedOrigins)) return { status: 403, reason: 'Forbidden', headers: {} }
    if (isDraining() && !new URL(request.url ?? '/', 'http://here').searchParams.has('sid'))
      return { status: 503, reason: 'Service Unavailable', headers: { 'retry-after': '1' } }
    return undefined
  }

  const handleUpgrade = engine.handleUpgrade.bind(engine)
  engine.handleUpgrade = (request: never, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(request)
    if (!refusal) return handleUpgrade(request, socket as never, head)
    const headers = Object.entries({ ...refusal.headers, connection: 'close', 'content-length': '0' })
    const lines = [
      `HTTP/1.1 ${refusal.status} ${refusal.reason}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ]
    socket.end(`${lines.join('\r\n')}\r\n\r\n`)
  }

  const handleRequest = engine.handleRequest.bind(engine)
  engine.handleRequest = (request: never, response: ServerResponse) => {
    const refusal = refusalOf(request)
    if (!refusal) return handleRequest(request, response as never)
    response.writeHead(refusal.status, refusal.headers).end()
  }
}
