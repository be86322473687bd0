import type { FastifyRequest } from 'fastify'
import type { HttpApp } from './http.ts'
import type { TraceSpan, Tracing } from './tracing.ts'

const spans = new WeakMap<FastifyRequest, TraceSpan>()

/** The span of a request, if its trace is recorded. */
export const spanOf = (request: FastifyRequest): TraceSpan | undefined => spans.get(request)

/**
 * A span for each request. Callers of our own say in `traceparent` what they ask for; nobody else is asked, because
 * whoever may name a trace decides what is recorded. Without tracing there is not even a hook.
 */
export function traceRequests(
  app: HttpApp,
  { tracing, trusted }: { tracing: Tracing | undefined; trusted: boolean },
): void {
  if (!tracing) return
  app.addHook('onRequest', async (request) => {
    const { method, headers, routeOptions } = request
    const name = routeOptions.url ?? 'unmatched'
    const attributes = { 'http.request.method': method, 'http.route': name }
    const span = trusted
      ? tracing.follow(textOf(headers['traceparent']), name.replace('/rpc/', ''), {
          kind: 'server',
          attributes,
        })
      : tracing.begin(`${method} ${name}`, { kind: 'server', attributes })
    if (span) spans.set(request, span)
  })
  app.addHook('onResponse', async (request, { statusCode }) => {
    const span = spans.get(request)
    span?.set({ 'http.response.status_code': statusCode })
    span?.end(statusCode >= 500 ? new Error('failed') : undefined)
  })
}

const textOf = (header: string | string[] | undefined) => (typeof header === 'string' ? header : undefined)
