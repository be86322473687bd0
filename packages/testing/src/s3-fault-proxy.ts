import { createServer, type IncomingMessage, request as ask, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * `down`: the connection is ended before an answer. `silent`: no answer ever. `503`: as a store says that it is asked too
 * much. `cut`: the answer ends in its middle. `reset`: the connection ends in the middle of what is sent. `slow`: the
 * answer comes late, and is right.
 */
export const storeFaults = ['down', 'silent', '503', 'cut', 'reset', 'slow'] as const
export type StoreFault = (typeof storeFaults)[number]

interface FaultRule {
  kind: StoreFault
  /** Which requests it befalls; all of them if it is not said. */
  when?: (request: IncomingMessage) => boolean
  /** How many of them; all if it is not said. */
  times?: number
}

export interface StoreProxy extends AsyncDisposable {
  endpoint: string
  /** From now on, until another is set. */
  fault: FaultRule | undefined
  /** How many requests a fault befell. */
  befell: number
}

const slowMs = 700

/** Stands before an S3 store and lets its answers, or what it is sent, go wrong. What it passes on it does not change. */
export async function startStoreProxy(storeEndpoint: string): Promise<StoreProxy> {
  const store = new URL(storeEndpoint)
  const server = createServer((request, response) => {
    const { fault } = proxy
    const befalls =
      fault !== undefined && (fault.times ?? 1) > 0 && (fault.when === undefined || fault.when(request))
    if (!befalls) return pass(request, response)
    proxy.befell += 1
    if (fault.times !== undefined) fault.times -= 1
    spoil(fault.kind, request, response)
  })

  function pass(request: IncomingMessage, response: ServerResponse, cut = false): void {
    const { method, url: path, headers } = request
    // The signature covers the host the client names, so it stays.
    const upstream = ask({ host: store.hostname, port: store.port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      if (cut) answer.once('data', (chunk: Buffer) => cutOff(response, chunk))
      else answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  }

  function spoil(kind: StoreFault, request: IncomingMessage, response: ServerResponse): void {
    if (kind === 'down') request.socket.destroy()
    if (kind === '503') {
      const body =
        '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>'
      request
        .resume()
        .once('end', () => response.writeHead(503, { 'content-type': 'application/xml' }).end(body))
    }
    if (kind === 'reset')
      request.once('data', () => request.socket.destroy()).once('end', () => request.socket.destroy())
    if (kind === 'cut') pass(request, response, true)
    if (kind === 'slow') setTimeout(() => pass(request, response), slowMs)
  }

  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const proxy: StoreProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: undefined,
    befell: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

/** Half of what came, and then nothing. */
function cutOff(response: ServerResponse, chunk: Buffer): void {
  response.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => response.destroy())
}
