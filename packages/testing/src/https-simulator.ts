import { once } from 'node:events'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Certificate, createCertificate } from './certificates.ts'
import type { SimulatorAddress } from './http2-simulator.ts'

/** A request as a simulator saw it, complete. */
export interface PlainRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface PlainAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** What a simulator does to a request instead of, or around, answering it. */
export type PlainFault =
  /** Answered with this, unprocessed. */
  | ({ kind: 'answer' } & PlainAnswer)
  /** The connection is cut: processed, and the answer lost. */
  | { kind: 'kill' }
  /** Processed, and never answered. */
  | { kind: 'hang' }

export type PlainFaultRule = (request: PlainRequest) => PlainFault | undefined

interface HttpsSimulatorOptions extends SimulatorAddress {
  certificate?: Certificate | undefined
  answer: (request: PlainRequest, port: number) => PlainAnswer | Promise<PlainAnswer>
}

export interface HttpsSimulator extends AsyncDisposable {
  url: string
  /** PEM to trust. */
  ca: string
  requests(): number
  setFaults(rule: PlainFaultRule | undefined): void
}

const maxBodyBytes = 64 * 1024

/** An HTTP/1.1 server over TLS that a test can make misbehave. */
export async function startHttpsSimulator(options: HttpsSimulatorOptions): Promise<HttpsSimulator> {
  const certificate = options.certificate ?? (await createCertificate(options.name))
  let faults: PlainFaultRule | undefined
  let requests = 0

  const server = createServer({ key: certificate.key, cert: certificate.cert }, (incoming, response) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBodyBytes) chunks.push(chunk)
    })
    incoming.on('end', () => {
      const { method = '', url: path = '', headers } = incoming
      void treat({ method, path, headers, body: Buffer.concat(chunks) }, response)
    })
  })
  server.listen(options.port ?? 0, options.name ? '0.0.0.0' : '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  async function treat(request: PlainRequest, response: ServerResponse): Promise<void> {
    requests++
    const fault = faults?.(request)
    if (fault?.kind === 'answer') return reply(response, fault)
    const answer = await options.answer(request, port)
    if (fault?.kind === 'kill') response.destroy()
    else if (!fault) reply(response, answer)
  }

  return {
    url: `https://${options.name ?? '127.0.0.1'}:${port}`,
    ca: certificate.ca,
    requests: () => requests,
    setFaults(rule) {
      faults = rule
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function reply(response: ServerResponse, { status, headers, body }: PlainAnswer): void {
  response.writeHead(status, headers).end(body)
}
