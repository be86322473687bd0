import type { HttpApp } from '@parley/shared/http'
import { ConversationId } from '@parley/shared/ids'
import { LogPage, LogQuery, SyncPage, SyncQuery } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { readLog } from './read-log.ts'
import { sync } from './sync.ts'

const seq = z.coerce.number().int().min(0).optional()
const Page = z.strictObject({ after: seq, before: seq, limit: z.coerce.number().int().optional() })
const SyncParams = z.strictObject({
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().optional(),
})

/** The socket's reads over HTTP; a query string carries numbers as text, the rest is the same schema. */
export function logRoutes(app: HttpApp, ctx: Context): void {
  app.get(
    '/v1/conversations/:conversationId/entries',
    {
      schema: {
        params: z.object({ conversationId: ConversationId }),
        querystring: Page,
        response: { 200: LogPage },
      },
    },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      return readLog(ctx, userId, LogQuery.parse({ ...request.params, ...request.query }))
    },
  )
  app.get(
    '/v1/sync',
    { schema: { querystring: SyncParams, response: { 200: SyncPage } } },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      return sync(ctx, userId, SyncQuery.parse(request.query))
    },
  )
  app.get(
    '/v1/conversations',
    { schema: { querystring: SyncParams, response: { 200: SyncPage } } },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      return sync(ctx, userId, SyncQuery.parse(request.query))
    },
  )
}
