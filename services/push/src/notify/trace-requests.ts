import type { TraceSpan, Tracing } from '@parley/shared/tracing'
import type { PushProvider } from '../providers/provider.ts'

/** A group's message goes to thousands of devices; what a trace is to show is seen in a few of them. */
const requestsPerJob = 10

/** Begins the span of a request to a provider, or nothing. */
export type BeginRequest = (provider: PushProvider['name']) => TraceSpan | undefined

/** Undefined where the trace of the job, by its `traceparent`, is not recorded. */
export function traceRequests(
  tracing: Tracing | undefined,
  trace: string | undefined,
): BeginRequest | undefined {
  if (!tracing || trace === undefined) return undefined
  let left = requestsPerJob
  return (provider) => (left-- > 0 ? tracing.follow(trace, provider, { kind: 'client' }) : undefined)
}
