import { createSecureContext, rootCertificates } from 'node:tls'
import { createAddressGuard, PrivateAddressError } from '@parley/shared/address-guard'
import { Agent, type Dispatcher, errors } from 'undici'
import type { AnswerHeaders, Http2Result, UnsentReason } from '../http2/request.ts'

export interface HttpsRequest {
  url: string
  headers: Record<string, string>
  body: string | Buffer
}

interface HttpsClientOptions {
  /** PEM of an authority to trust beside the usual ones. */
  ca?: string | undefined
  /** Connects to addresses on the public internet alone, whatever a name resolves to at that moment. */
  publicOnly: boolean
}

const maxAnswerBytes = 64 * 1024
// On HTTP/1.1 a connection carries one request at a time.
const connectionsPerOrigin = 64
const maxUnderWay = 10_000
// Who asks for endpoints at ever new hosts must not fill the memory; a host nobody is connected to is forgotten.
const maxOrigins = 1_000
const connectTimeoutMs = 5_000
const requestTimeoutMs = 10_000

/**
 * POSTs over HTTP/1.1, to any number of origins: for providers that do not promise HTTP/2. Follows no redirect.
 * Says what became of a request in the words of the HTTP/2 client, and never rejects.
 */
export function createHttpsClient({ ca, publicOnly }: HttpsClientOptions) {
  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    connections: connectionsPerOrigin,
    maxOrigins,
    keepAliveTimeout: 30_000,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    maxResponseSize: maxAnswerBytes,
    connect: {
      timeout: connectTimeoutMs,
      ...(ca ? { secureContext: createSecureContext({ ca: [...rootCertificates, ca] }) } : {}),
      ...(publicOnly ? { lookup: createAddressGuard().lookup } : {}),
    },
  })
  let underWay = 0

  async function ask({ url, headers, body }: HttpsRequest): Promise<Http2Result> {
    const response = await agent.request({
      ...parts(url),
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(requestTimeoutMs),
    })
    return {
      kind: 'answered',
      status: response.statusCode,
      headers: response.headers as AnswerHeaders,
      body: await response.body.text(),
      connection: 0,
    }
  }

  return {
    async send(request: HttpsRequest): Promise<Http2Result> {
      if (agent.closed || agent.destroyed) return { kind: 'unsent', reason: 'closed' }
      if (underWay >= maxUnderWay) return { kind: 'unsent', reason: 'overloaded' }
      underWay++
      try {
        return await ask(request)
      } catch (err) {
        return unanswered(err)
      } finally {
        underWay--
      }
    },
    /** Waits for what was handed in, each bounded by its own time. */
    [Symbol.asyncDispose]: (): Promise<void> => agent.close(),
  }
}

function parts(url: string): Pick<Dispatcher.RequestOptions, 'path'> & { origin: string } {
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

const neverConnected = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** What failed before there was a connection was not sent; of everything else nobody knows how far it came. */
function unanswered(err: unknown): Http2Result {
  if (err instanceof PrivateAddressError) return unsent('invalid')
  if (err instanceof errors.MaxOriginsReachedError) return unsent('overloaded')
  if (err instanceof errors.InvalidArgumentError || err instanceof TypeError) return unsent('invalid')
  const code = err instanceof Error && 'code' in err ? String(err.code) : ''
  if (neverConnected.has(code) || code.startsWith('ERR_TLS') || code.includes('CERT'))
    return unsent('unreachable')
  const late = err instanceof Error && err.name === 'TimeoutError'
  if (late || code === 'UND_ERR_HEADERS_TIMEOUT') return { kind: 'unknown', reason: 'timeout' }
  return { kind: 'unknown', reason: 'disconnected' }
}

const unsent = (reason: UnsentReason): Http2Result => ({ kind: 'unsent', reason })
