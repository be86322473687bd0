import { timingSafeEqual } from 'node:crypto'
import type { Registry } from 'prom-client'
import { AppError } from './errors.ts'
import { createHttpApp, type HttpApp } from './http.ts'
import type { Logger } from './log.ts'
import type { Rpc } from './rpc.ts'
import { spanOf } from './tracing-http.ts'
import type { TraceSpan, Tracing } from './tracing.ts'

interface InternalOptions {
  log: Logger
  metrics: Registry
  /** What callers of `/rpc/*` and `/admin/*` must show in `x-parley-internal`. */
  secret: string
  /** Throws while the service should get no new work. */
  ready: () => Promise<void>
  tracing?: Tracing | undefined
}

/**
 * The listener no ingress may reach: probes, metrics and calls between services.
 * `/livez` depends on nothing but the event loop, so an outage of a database never restarts the pods.
 */
export function createInternalApp({ log, metrics, secret, ready, tracing }: InternalOptions): HttpApp {
  const app = createHttpApp(log.child({ component: 'internal' }), {
    bodyLimit: 16 * 1024 * 1024,
    trusted: true,
    tracing,
  })
  app.get('/livez', async () => ({ ok: true }))
  app.get('/startupz', async () => ({ ok: true }))
  app.get('/readyz', async () => {
    await ready()
    return { ok: true }
  })
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  )
  app.addHook('onRequest', async (request) => {
    const { url = '' } = request.routeOptions
    const isGuarded = url.startsWith('/rpc/') || url.startsWith('/admin/')
    if (isGuarded && !sameSecret(request.headers['x-parley-internal'], secret)) {
      throw new AppError('forbidden', 'for services of this cluster only')
    }
  })
  return app
}

function sameSecret(given: unknown, secret: string): boolean {
  if (typeof given !== 'string') return false
  const [a, b] = [Buffer.from(given), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Answers one of the calls of the contract in `rpc.ts`; with a span, if the trace it belongs to is recorded. */
export function serveRpc<M extends keyof Rpc>(
  app: HttpApp,
  method: M,
  handle: (request: Rpc[M]['request'], span?: TraceSpan) => Promise<Rpc[M]['reply']>,
): void {
  app.post(`/rpc/${method}`, async (request, reply) =>
    reply.send(await handle(request.body as Rpc[M]['request'], spanOf(request))),
  )
}
