import { createInternalApp } from '@parley/shared/internal-http'
import { createReadiness } from '@parley/shared/readiness'
import { servePushAdmin } from './admin.ts'
import { startCalls } from './calls/worker.ts'
import type { Config } from './config.ts'
import { createContext } from './context.ts'
import { deadLetterAdmin } from './dead-letters/routes.ts'
import { startNotifier } from './notify/worker.ts'
import { testPushAdmin } from './test-push/routes.ts'

/** Disposing finishes the jobs in hand, while the probes still answer, and then closes everything. */
export async function startPush(config: Config) {
  await using opened = new AsyncDisposableStack()
  const ctx = opened.use(await createContext(config))
  const readiness = createReadiness(async () => void (await ctx.redis.ping()))

  const app = opened.adopt(
    createInternalApp({
      log: ctx.log,
      metrics: ctx.metrics.registry,
      secret: config.internalSecret,
      ready: () => readiness.ready(),
      tracing: ctx.tracing,
    }),
    (server) => server.close(),
  )
  servePushAdmin(app, ctx, readiness)
  testPushAdmin(app, ctx)
  deadLetterAdmin(app, ctx)
  const internalUrl = await app.listen({ host: config.http.host, port: config.http.internalPort })

  opened.use(startNotifier(ctx, config))
  opened.use(startCalls(ctx, config))
  opened.defer(() => readiness.leave())

  const owned = opened.move()
  return { internalUrl, ctx, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
