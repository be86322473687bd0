import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'

export interface Http2Request {
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader

export interface Http2Answer {
  kind: 'answered'
  status: number
  headers: AnswerHeaders
  body: string
  /** The connection it came by, so that its caller can ask for another one. */
  connection: number
}

export type UnsentReason = 'overloaded' | 'deadline' | 'unreachable' | 'refused' | 'closed' | 'invalid'

/**
 * What became of a request. `unsent` was certainly not processed and may be sent again at will; `unknown`
 * left this process and may have been processed, so only a request that is safe to repeat may be repeated.
 */
export type Http2Result =
  | Http2Answer
  | { kind: 'unsent'; reason: UnsentReason }
  | { kind: 'unknown'; reason: 'timeout' | 'reset' | 'disconnected' }
