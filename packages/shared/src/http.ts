import type { IncomingMessage, ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from '@fastify/type-provider-zod'
import {
  fastify,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
  type RawServerDefault,
} from 'fastify'
import { z } from 'zod'
import { checkBounds } from './bounds.ts'
import { watchConnections } from './close-connections.ts'
import { AppError } from './errors.ts'
import { spanOf, traceRequests } from './tracing-http.ts'
import type { Tracing } from './tracing.ts'

export type HttpApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

interface HttpOptions {
  /** Bytes of a JSON body. */
  bodyLimit?: number
  /** Callers are services of ours: no bounds to check, no line per request. */
  trusted?: boolean
  /** Addresses and networks whose `X-Forwarded-For` says where a request came from; without any, nobody's does. */
  trustedProxies?: string[]
  /** Of web apps that may ask and read the answers; without any, a browser gives answers to pages of this origin alone. */
  allowedOrigins?: string[]
  tracing?: Tracing | undefined
}

/** The HTTP server every service starts from: bounds and zod at the edges, one error shape. */
export function createHttpApp(
  log: FastifyBaseLogger,
  {
    bodyLimit = 100 * 1024,
    trusted = false,
    trustedProxies = [],
    allowedOrigins = [],
    tracing,
  }: HttpOptions = {},
): HttpApp {
  const app = fastify({
    loggerInstance: log,
    bodyLimit,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    // What comes over a connection that is open while we close is answered; resources close after the server.
    return503OnClosing: false,
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    // Apps call their fields as they like, and a batch is not refused for what one message holds. `__proto__` is
    // refused at the edge.
    onConstructorPoisoning: 'ignore',
    onProtoPoisoning: trusted ? 'ignore' : 'error',
    logController: new LogController({ disableRequestLogging: true }),
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)

  const connections = watchConnections(app.server)
  app.addHook('preClose', async () => connections.closeIdle())
  traceRequests(app, { tracing, trusted })
  if (!trusted) guardAndLog(app)
  if (allowedOrigins.length > 0) allowOrigins(app, allowedOrigins)

  app.setErrorHandler<FastifyError>((cause, request, reply) => {
    const error = fromFastify(cause)
    if (error.code === 'internal')
      request.log.error({ err: error, traceId: spanOf(request)?.traceId }, 'request failed')
    if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1_000))
    return reply.status(error.status).send({ error: trusted ? error.toInternal() : error.toJSON() })
  })

  app.setNotFoundHandler(() => {
    throw new AppError('not_found', 'no such route')
  })

  return app
}

/** What every request from outside passes: bounds before its schema, one line after its answer. */
function guardAndLog(app: HttpApp): void {
  app.addHook('preValidation', async (request) => {
    checkBounds(request.body)
    checkBounds(request.query)
    checkBounds(request.params)
  })

  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
      },
      'request',
    )
  })
}

/** Chromium keeps what a preflight was answered no longer than this. */
const preflightMaxAgeSeconds = 7_200

/**
 * Lets web apps of other origins read what is answered, refusals too (https://fetch.spec.whatwg.org/#http-cors-protocol).
 * Without credentials: who asks is said by a bearer token, never by a cookie. To other origins nothing is said.
 */
function allowOrigins(app: HttpApp, allowedOrigins: string[]): void {
  void app.register(cors, {
    delegator: ({ headers: { origin, ...headers } }, decide) =>
      decide(null, {
        origin: origin !== undefined && allowedOrigins.includes(origin) && origin,
        // Without this header it is a question of the app's own, as of tus: what can the server do?
        preflight: headers['access-control-request-method'] !== undefined,
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        maxAge: preflightMaxAgeSeconds,
        exposedHeaders: [
          'location',
          'retry-after',
          'tus-resumable',
          'upload-expires',
          'upload-length',
          'upload-offset',
        ],
      }),
  })
}

/** Fastify and its validators mark the caller's mistakes with a status below 500; anything else is ours. */
function fromFastify(cause: FastifyError): AppError {
  if (cause instanceof z.ZodError) return new AppError('invalid_request', z.prettifyError(cause), { cause })
  if (cause instanceof AppError || !(cause.statusCode && cause.statusCode < 500)) return AppError.from(cause)
  return new AppError(codeByStatus[cause.statusCode] ?? 'invalid_request', cause.message, { cause })
}

const codeByStatus: Partial<Record<number, 'too_large' | 'unsupported_media'>> = {
  413: 'too_large',
  415: 'unsupported_media',
}
