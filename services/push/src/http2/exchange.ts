import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import type { AnswerHeaders, Http2Answer, Http2Request, Http2Result } from './request.ts'

const maxAnswerBytes = 64 * 1024

export type Exchange =
  | Omit<Http2Answer, 'connection'>
  | Extract<Http2Result, { kind: 'unknown' }>
  /** Refused before it was looked at, so another connection may take it. */
  | { kind: 'unprocessed' }

interface ExchangeOptions {
  timeoutMs: number
  /** The last stream the peer promised to process when it said goodbye, if it did. */
  lastProcessed: () => number | undefined
  /** Called once the stream no longer counts against the peer's limit; late means after the result. */
  released: (late: boolean) => void
}

/**
 * One request on one stream. Resolves in every case, and at the latest when the time is up; a stream whose
 * time is up is reset with CANCEL, so that the peer may stop as well (RFC 9113, 7).
 */
export function exchange(
  session: ClientHttp2Session,
  request: Http2Request,
  { timeoutMs, lastProcessed, released }: ExchangeOptions,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const stream = open(session, request)
    let headers: AnswerHeaders | undefined
    // Most answers have no body, so a decoder for each would be made for nothing.
    const chunks: Buffer[] = []
    let bytes = 0
    let timedOut = false

    const timer = setTimeout(() => {
      timedOut = true
      stream.close(constants.NGHTTP2_CANCEL)
      resolve({ kind: 'unknown', reason: 'timeout' })
    }, timeoutMs)
    stream.on('response', (given) => {
      headers = given
    })
    stream.on('data', (chunk: Buffer) => {
      if (bytes < maxAnswerBytes) chunks.push(chunk)
      bytes += chunk.length
    })
    // The close event follows and says all there is to know.
    stream.on('error', () => {})
    stream.on('close', () => {
      clearTimeout(timer)
      released(timedOut)
      if (timedOut) return
      // Headers alone already say that the request was processed, and how.
      if (headers)
        resolve({ kind: 'answered', status: headers[':status'] ?? 0, headers, body: textOf(chunks) })
      else resolve(unanswered(stream, session, lastProcessed()))
    })
    stream.end(request.body)
  })
}

const textOf = (chunks: Buffer[]) => (chunks.length > 0 ? Buffer.concat(chunks).toString('utf8') : '')

function open(session: ClientHttp2Session, { method, path, headers }: Http2Request): ClientHttp2Stream {
  return session.request({ ':method': method, ':path': path, ...headers })
}

/** RFC 9113, 8.7: REFUSED_STREAM, or a stream above the last one named by GOAWAY, was not processed. */
function unanswered(
  stream: ClientHttp2Stream,
  session: ClientHttp2Session,
  lastProcessed: number | undefined,
): Exchange {
  const unprocessed =
    stream.id === undefined ||
    stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
    (lastProcessed !== undefined && stream.id > lastProcessed)
  if (unprocessed) return { kind: 'unprocessed' }
  return { kind: 'unknown', reason: session.destroyed ? 'disconnected' : 'reset' }
}
