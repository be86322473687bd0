import { createHttpApp } from '@parley/shared/http'
import { createInternalApp } from '@parley/shared/internal-http'
import { createReadiness } from '@parley/shared/readiness'
import { sql } from 'kysely'
import { serveMessagesAdmin } from './admin.ts'
import type { Config } from './config.ts'
import { createContext } from './context.ts'
import { deliveryRpc } from './deliveries/rpc.ts'
import { deviceRpc } from './devices/rpc.ts'
import { startTellingContacts } from './directory/tell-contacts.ts'
import { groupRpc } from './groups/rpc.ts'
import { mediaAccessRpc } from './media-access/rpc.ts'
import { messageRpc } from './messages/rpc.ts'
import { operationRpc } from './operations/rpc.ts'
import { presenceRpc } from './presence/rpc.ts'
import { receiptRpc } from './receipts/rpc.ts'
import { adminRoutes, clientRoutes } from './routes.ts'
import { createServerApi } from './server-api/server.ts'
import { sessionRpc } from './sessions/routes.ts'
import { typingRpc } from './typing/audience.ts'

export async function startMessages(config: Config) {
  await using opened = new AsyncDisposableStack()
  const ctx = opened.use(await createContext(config))

  const readiness = createReadiness(async () => void (await sql`select 1`.execute(ctx.db)))

  // Opened first and so closed last: probes are answered until the end.
  const internal = opened.adopt(
    createInternalApp({
      log: ctx.log,
      metrics: ctx.metrics,
      secret: config.internalSecret,
      ready: () => readiness.ready(),
      tracing: ctx.tracing,
    }),
    (server) => server.close(),
  )
  const app = opened.adopt(createHttpApp(ctx.log, { ...config.http, tracing: ctx.tracing }), (server) =>
    server.close(),
  )
  clientRoutes(app, ctx)

  const serverApi =
    config.serverApi.keys.length > 0
      ? opened.adopt(createServerApi(ctx), (server) => server.close())
      : undefined

  opened.use(serveMessagesAdmin(internal, ctx, readiness))
  adminRoutes(internal, ctx)
  sessionRpc(internal, ctx)
  messageRpc(internal, ctx)
  receiptRpc(internal, ctx)
  typingRpc(internal, ctx)
  groupRpc(internal, ctx)
  presenceRpc(internal, ctx)
  operationRpc(internal, ctx)
  deliveryRpc(internal, ctx)
  deviceRpc(internal, ctx)
  mediaAccessRpc(internal, ctx)

  opened.use(startTellingContacts(ctx))
  const internalUrl = await internal.listen({ host: config.http.host, port: config.http.internalPort })
  const url = await app.listen({ host: config.http.host, port: config.http.port })
  const serverApiUrl = await serverApi?.listen({ host: config.http.host, port: config.serverApi.port })
  // While others still send requests here, they are answered.
  opened.defer(() => readiness.leave(config.http.drainWaitMs))
  ctx.log.info({ url, internalUrl, serverApiUrl }, 'messages is up')

  const owned = opened.move()
  return { url, internalUrl, serverApiUrl, ctx, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
