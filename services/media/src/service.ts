import { createHttpApp } from '@parley/shared/http'
import { createInternalApp } from '@parley/shared/internal-http'
import { createReadiness } from '@parley/shared/readiness'
import { sql } from 'kysely'
import { serveMediaAdmin } from './admin.ts'
import type { Config } from './config.ts'
import { createContext } from './context.ts'
import { mediaRpc } from './media/rpc.ts'
import { startProcessing } from './processing/worker.ts'
import { clientRoutes } from './routes.ts'
import { startSweep } from './sweep/sweep.ts'
import { resumableRoutes } from './uploads/resumable/routes.ts'

export async function startMedia(config: Config) {
  await using opened = new AsyncDisposableStack()
  const ctx = opened.use(await createContext(config))
  opened.use(startProcessing(ctx))
  opened.use(startSweep(ctx))

  const readiness = createReadiness(async () => void (await sql`select 1`.execute(ctx.db)))
  const internal = opened.adopt(
    createInternalApp({
      log: ctx.log,
      metrics: ctx.registry,
      secret: config.internalSecret,
      ready: () => readiness.ready(),
      tracing: ctx.tracing,
    }),
    (server) => server.close(),
  )
  serveMediaAdmin(internal, ctx, readiness)
  mediaRpc(internal, ctx)
  const app = opened.adopt(createHttpApp(ctx.log, { ...config.http, tracing: ctx.tracing }), (server) =>
    server.close(),
  )
  clientRoutes(app, ctx)
  resumableRoutes(app, ctx)
  ctx.serveLinks(app)

  const internalUrl = await internal.listen({ host: config.http.host, port: config.http.internalPort })
  const url = await app.listen({ host: config.http.host, port: config.http.port })
  // While others still send requests here, they are answered.
  opened.defer(() => readiness.leave(config.http.drainWaitMs))

  const owned = opened.move()
  return { url, internalUrl, ctx, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
