import { createHttpApp, type HttpApp } from '@parley/shared/http'
import { createTokenBucket } from '@parley/shared/token-bucket'
import { bearerToken } from '@parley/shared/tokens'
import type { FastifyRequest } from 'fastify'
import { Counter } from 'prom-client'
import type { Context } from '../context.ts'
import { notInScope, tooManyRequestsOfKey } from '../errors.ts'
import { createKeyCheck } from './api-keys.ts'
import { groupRoutes } from './group-routes.ts'
import { messageRoutes } from './message-routes.ts'
import type { Scope } from './scopes.ts'
import { typeRoutes } from './type-routes.ts'
import { userRoutes } from './user-routes.ts'
import { webhookRoutes } from './webhook-routes.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key of the server API needs for the route. */
    scope?: Scope
  }
}

/** An import of 500 people is the largest thing that is said here. */
const bodyLimit = 1024 * 1024

/**
 * The API of the operator's own back ends, on a port of its own that no ingress reaches. Every route names the scope
 * it asks for; who asks is told by a key, never by a user's token.
 */
export function createServerApi(ctx: Context): HttpApp {
  const { keys, requestsPerSecond } = ctx.config.serverApi
  const app = createHttpApp(ctx.log.child({ component: 'server-api' }), {
    bodyLimit,
    tracing: ctx.tracing,
  })
  const check = createKeyCheck(keys)
  const rate = { perSecond: requestsPerSecond, burst: 4 * requestsPerSecond }
  const buckets = new Map(keys.map(({ id }) => [id, createTokenBucket(rate)]))
  const requests = new Counter({
    name: 'parley_server_api_requests_total',
    help: 'Requests of the server API by key and status',
    labelNames: ['key', 'status'],
    registers: [ctx.metrics],
  })

  const keyIds = new WeakMap<FastifyRequest, string>()

  app.addHook('onRoute', ({ url, config }) => {
    if (!config?.scope) throw new Error(`${url} names no scope`)
  })
  app.addHook('onRequest', async (request) => {
    const key = check(bearerToken(request.headers.authorization))
    keyIds.set(request, key.id)
    request.log = request.log.child({ keyId: key.id })
    const waitMs = buckets.get(key.id)?.take() ?? 0
    if (waitMs > 0) throw tooManyRequestsOfKey(waitMs)
    const { scope } = request.routeOptions.config
    if (scope && !key.scopes.has(scope)) throw notInScope(scope)
  })
  app.addHook('onResponse', async (request, reply) => {
    requests.inc({ key: keyIds.get(request) ?? 'none', status: reply.statusCode })
  })

  serverRoutes(app, ctx)
  return app
}

export function serverRoutes(app: HttpApp, ctx: Context): void {
  userRoutes(app, ctx)
  groupRoutes(app, ctx)
  messageRoutes(app, ctx)
  typeRoutes(app, ctx)
  webhookRoutes(app, ctx)
}
