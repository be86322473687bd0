import type { HttpApp } from '@parley/shared/http'
import { SyncPage, SyncQuery } from '@parley/shared/protocol'
import { bearerToken, type Identity } from '@parley/shared/tokens'
import { createUserLimits } from '@parley/shared/user-limits'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { nodeDrains } from '../errors.ts'
import type { FanoutMetrics } from '../fanout/fanout-metrics.ts'
import { streamEvents } from './event-stream.ts'
import type { Listeners } from './listeners.ts'
import { poll } from './poll.ts'

/** Beneath what proxies allow an answer to take. */
const maxWaitSeconds = 30

const wait = z.coerce
  .number()
  .int()
  .min(0)
  .max(maxWaitSeconds)
  .default(0)
  .describe('Seconds to hold an answer that would be empty.')
const InQuery = SyncQuery.omit({ known: true }).extend({ wait })
const InBody = SyncQuery.extend({ wait })
const Stream = z.strictObject({
  cursor: SyncQuery.shape.cursor.describe('Where to begin, if there is no `Last-Event-ID`.'),
  auth_token: z
    .string()
    .max(8_192)
    .optional()
    .describe('The access token, for an EventSource, which cannot send headers.'),
})

interface RoutesContext extends Pick<Context, 'config' | 'log' | 'messages' | 'verifyToken'> {
  listeners: Listeners
  fanoutMetrics: FanoutMetrics
  isDraining: () => boolean
}

/** What a socket hears, for those who have none: short polls, held polls, and server-sent events. */
export function listenerRoutes(app: HttpApp, ctx: RoutesContext): void {
  const { limits } = ctx.config
  const requests = createUserLimits(limits.requests)

  /** Errors: `draining`, `unauthenticated`, `token_expired`, `rate_limited`. */
  async function authenticate(header: string | undefined): Promise<Identity> {
    if (ctx.isDraining()) throw nodeDrains(1_000)
    const identity = await ctx.verifyToken(bearerToken(header))
    requests.take(identity.userId)
    return identity
  }

  async function answerPoll(
    { headers }: FastifyRequest,
    reply: FastifyReply,
    { wait: seconds, ...query }: z.output<typeof InBody>,
  ): Promise<SyncPage> {
    const identity = await authenticate(headers.authorization)
    void reply.header('cache-control', 'no-store')
    return poll(ctx, identity, { query, waitMs: seconds * 1_000, gone: goneWith(reply) })
  }

  app.get(
    '/v1/sync',
    {
      schema: {
        operationId: 'log:sync',
        description:
          'What changed since a cursor. With `wait`, an answer that would be empty is held until there is something to tell, or until the time is over.',
        querystring: InQuery,
        response: { 200: SyncPage },
      },
    },
    (request, reply) => answerPoll(request, reply, request.query),
  )
  app.post(
    '/v1/sync',
    {
      schema: {
        operationId: 'log:sync, with what is known',
        description: 'The same, for a device that says what it has.',
        body: InBody,
        response: { 200: SyncPage },
      },
    },
    (request, reply) => answerPoll(request, reply, request.body),
  )
  app.get(
    '/v1/events',
    {
      schema: {
        operationId: 'events',
        querystring: Stream,
      },
    },
    async (request, reply) => {
      const { cursor, auth_token: inQuery } = request.query
      const { authorization, 'last-event-id': lastEventId } = request.headers
      const identity = await authenticate(authorization ?? (inQuery && `Bearer ${inQuery}`))
      const from = SyncQuery.shape.cursor.parse(lastEventId || cursor)
      const begin = () => {
        reply.hijack()
        // What was set so far; fastify writes no header of an answer that is not its own any more.
        for (const [name, value] of Object.entries(reply.getHeaders()))
          if (value !== undefined) reply.raw.setHeader(name, value)
      }
      await streamEvents(ctx, identity, { cursor: from, response: reply.raw, begin })
    },
  )
}

/** Aborts when the connection ends; also after the answer, when nobody listens to it any more. */
function goneWith({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  if (raw.destroyed) gone.abort()
  raw.once('close', () => gone.abort())
  return gone.signal
}
