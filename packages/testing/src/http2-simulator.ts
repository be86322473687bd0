import { once } from 'node:events'
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { type Certificate, createCertificate } from './certificates.ts'

/** A request as a simulator saw it, complete. */
export interface SimulatedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
  /** Counts every request of this simulator from 1. */
  number: number
  /** Counts the requests of this connection from 1. */
  numberOnConnection: number
  connection: SimulatedConnection
}

export interface SimulatedConnection {
  /** Counts connections from 1. */
  number: number
  /** What the simulator remembers of it, such as the credentials first shown on it. */
  memory: Map<string, unknown>
}

export interface SimulatedAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
  /** Lifts the stream limit the connection starts with. */
  trusted?: boolean
}

/** What a simulator does to a request instead of, or around, answering it. */
export type Http2Fault =
  /** Answered with this, unprocessed. */
  | ({ kind: 'answer' } & SimulatedAnswer)
  /** GOAWAY. `this`: the request and all before it are still answered. `previous`: it and all after it are not processed. */
  | { kind: 'goaway'; lastStream: 'this' | 'previous'; code?: number; data?: string }
  /** RST_STREAM with REFUSED_STREAM: not processed. */
  | { kind: 'refuse' }
  /** RST_STREAM with INTERNAL_ERROR: processed, and the answer lost. */
  | { kind: 'reset' }
  /** The connection is cut: processed, and the answer lost. */
  | { kind: 'kill' }
  /** Processed, and never answered. */
  | { kind: 'hang' }
  /** Processed, and answered when this resolves. */
  | { kind: 'late'; until: Promise<unknown> }

export type FaultRule = (request: SimulatedRequest) => Http2Fault | undefined

/** Where a simulator is found: on this machine's loopback, or under a name that leads to all its addresses. */
export interface SimulatorAddress {
  port?: number
  name?: string
}

export interface Http2SimulatorOptions extends SimulatorAddress {
  certificate?: Certificate
  /** Looked at for each request that came in whole. */
  faults?: FaultRule
  /** How long a connection waits for the server's SETTINGS. */
  settingsDelayMs?: number
  streamLimit: { atFirst: number; onceTrusted: number }
  answer: (request: SimulatedRequest, port: number) => SimulatedAnswer | Promise<SimulatedAnswer>
  /** Told of requests that were processed, with the answer that was lost if the fault lost it. */
  processed?: (request: SimulatedRequest, answer: SimulatedAnswer, answered: boolean) => void
}

export interface Http2Simulator extends AsyncDisposable {
  url: string
  /** PEM to trust. */
  ca: string
  connections(): number
  requests(): number
  setFaults(rule: FaultRule | undefined): void
}

const maxBodyBytes = 64 * 1024

/** An HTTP/2 server over TLS that a test can make misbehave in the ways push providers do. */
export async function startHttp2Simulator(options: Http2SimulatorOptions): Promise<Http2Simulator> {
  const certificate = options.certificate ?? (await createCertificate(options.name))
  const open = new Set<TLSSocket>()
  const timers = new Set<NodeJS.Timeout>()
  let faults = options.faults
  let connections = 0
  let requests = 0

  const server = createServer({ key: certificate.key, cert: certificate.cert, ALPNProtocols: ['h2'] })
  server.on('secureConnection', (socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => open.delete(socket))
    if (!options.settingsDelayMs) return begin(socket)
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (!socket.destroyed) begin(socket)
    }, options.settingsDelayMs)
    timers.add(timer)
  })
  server.listen(options.port ?? 0, options.name ? '0.0.0.0' : '127.0.0.1')
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port

  function begin(socket: TLSSocket): void {
    const session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: options.streamLimit.atFirst },
    })
    const connection: SimulatedConnection = { number: ++connections, memory: new Map() }
    const state = { trusted: false, requests: 0, highest: 0, last: Number.POSITIVE_INFINITY }
    session.on('error', () => {})

    session.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      let body = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        if (body.length <= maxBodyBytes) body += chunk
      })
      stream.on('end', () => {
        const id = stream.id ?? 0
        if (id > state.last) return
        state.highest = Math.max(state.highest, id)
        const request: SimulatedRequest = {
          method: headers[':method'] ?? '',
          path: headers[':path'] ?? '',
          headers,
          body,
          number: ++requests,
          numberOnConnection: ++state.requests,
          connection,
        }
        void treat(session, stream, request, faults?.(request))
      })
    })

    async function treat(
      on: ServerHttp2Session,
      stream: ServerHttp2Stream,
      request: SimulatedRequest,
      fault: Http2Fault | undefined,
    ): Promise<void> {
      if (fault?.kind === 'answer') return reply(stream, fault)
      if (fault?.kind === 'refuse') return stream.close(constants.NGHTTP2_REFUSED_STREAM)
      if (fault?.kind === 'goaway' && !goAway(on, stream.id ?? 0, fault)) return
      const answer = await options.answer(request, port)
      if (answer.trusted && !state.trusted && !on.destroyed) {
        state.trusted = true
        on.settings({ maxConcurrentStreams: options.streamLimit.onceTrusted })
      }
      const lost = fault?.kind === 'reset' || fault?.kind === 'kill' || fault?.kind === 'hang'
      options.processed?.(request, answer, !lost && !stream.destroyed)
      if (fault?.kind === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      else if (fault?.kind === 'kill') socket.destroy()
      else if (!lost) {
        if (fault?.kind === 'late') await fault.until
        reply(stream, answer)
      }
    }

    /** Says whether the request itself is still to be processed. A later stream already taken up stays promised. */
    function goAway(
      on: ServerHttp2Session,
      id: number,
      fault: Extract<Http2Fault, { kind: 'goaway' }>,
    ): boolean {
      // Node reads 0 as "the last one processed", so the first stream of all cannot be disowned.
      state.last =
        state.highest > id || fault.lastStream === 'this' ? Math.max(state.highest, id) : Math.max(id - 2, 1)
      on.goaway(fault.code ?? 0, state.last, fault.data ? Buffer.from(fault.data) : undefined)
      // The streams it promised are answered first; then the connection ends.
      setImmediate(() => on.close())
      return id <= state.last
    }
  }

  return {
    url: `https://${options.name ?? '127.0.0.1'}:${port}`,
    ca: certificate.ca,
    connections: () => connections,
    requests: () => requests,
    setFaults(rule) {
      faults = rule
    },
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer)
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function reply(stream: ServerHttp2Stream, answer: SimulatedAnswer): void {
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': answer.status, ...answer.headers }, { endStream: !answer.body })
  if (answer.body) stream.end(answer.body)
}
