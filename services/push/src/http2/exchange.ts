import type { Connection } from './connection.ts'
import type { Http2Request } from './request.ts'
import type { StreamEnd } from './stream.ts'

export type Exchange = StreamEnd | { kind: 'unknown'; reason: 'timeout' }

interface ExchangeOptions {
  timeoutMs: number
  /** Called once the stream no longer counts against the peer's limit. */
  released: () => void
}

/**
 * One request on one stream. Resolves in every case, and at the latest when the time is up; a stream whose
 * time is up is reset with CANCEL, so that the peer may stop as well (RFC 9113, 7).
 */
export function exchange(
  connection: Connection,
  request: Http2Request,
  { timeoutMs, released }: ExchangeOptions,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const stream = connection.request(request, (end) => {
      clearTimeout(timer)
      released()
      resolve(end)
    })
    const timer = setTimeout(() => {
      stream.cancel()
      released()
      resolve({ kind: 'unknown', reason: 'timeout' })
    }, timeoutMs)
  })
}
