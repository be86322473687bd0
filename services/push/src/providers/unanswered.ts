import type { Http2Answer, Http2Result } from '../http2/request.ts'
import type { Verdict } from './provider.ts'

/** Without an answer it is tried again, whether or not it was sent: its id makes a repetition harmless. */
export function verdictUnanswered(result: Exclude<Http2Result, Http2Answer>): Verdict {
  if (result.kind === 'unknown')
    return { result: 'retry', reason: `unknown-${result.reason}`, maybeShown: true }
  if (result.reason === 'invalid') return { result: 'refused', reason: 'invalid' }
  return { result: 'retry', reason: result.reason }
}
