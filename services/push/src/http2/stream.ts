import type { AnswerHeaders } from './request.ts'

export interface Stream {
  /** Takes it back: the peer may stop as well (RST_STREAM with CANCEL), and nothing more is heard of it. */
  cancel(): void
}

/** One that has not ended: what of the request is still to go, and what of the answer has come. */
export interface OpenStream extends Stream {
  id: number
  done: (end: StreamEnd) => void
  /** What of the request's body the peer has not made room for yet. */
  body: Buffer
  /** Octets of it that the peer is ready to take; below zero when its SETTINGS took some back (RFC 9113, 6.9.2). */
  window: number
  headers: AnswerHeaders | undefined
  chunks: Buffer[]
  bytes: number
}

/** How a stream ended; RFC 9113, 8.7 says which was certainly not processed. */
export type StreamEnd =
  | { kind: 'answered'; status: number; headers: AnswerHeaders; body: string }
  /** Refused before it was looked at, so another connection may take it. */
  | { kind: 'unprocessed' }
  | { kind: 'unknown'; reason: 'reset' | 'disconnected' }

/** Headers alone already say that a request was processed, and how. */
export function endOf(stream: OpenStream, otherwise: StreamEnd): StreamEnd {
  const { headers } = stream
  if (!headers) return otherwise
  const body = stream.chunks.length > 0 ? Buffer.concat(stream.chunks).toString('utf8') : ''
  return { kind: 'answered', status: headers[':status'] ?? 0, headers, body }
}
