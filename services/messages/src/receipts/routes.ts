import type { HttpApp } from '@parley/shared/http'
import { ConversationId } from '@parley/shared/ids'
import { Seq } from '@parley/shared/protocol'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'

const Target = z.object({ conversationId: ConversationId, kind: z.enum(['delivered', 'read']) })
const Standing = z.object({ seq: Seq })

export function receiptRoutes(app: HttpApp, ctx: Context): void {
  app.put(
    '/v1/conversations/:conversationId/receipts/:kind',
    { schema: { params: Target, body: z.strictObject({ seq: Seq }), response: { 200: Standing } } },
    async (request) => {
      const { userId } = await authenticate(ctx, request)
      const { conversationId, kind } = request.params
      return ctx.marker.mark({ userId, conversationId, kind, seq: request.body.seq })
    },
  )
}
