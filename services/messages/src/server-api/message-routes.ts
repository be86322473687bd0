import type { HttpApp } from '@parley/shared/http'
import { UserId } from '@parley/shared/ids'
import { MessageDraft, Sent } from '@parley/shared/protocol'
import { spanOf } from '@parley/shared/tracing-http'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { addOperation } from '../operations/routes.ts'
import { sendFromServer } from './send-from-server.ts'
import { systemId } from './system.ts'

const Send = z.strictObject({
  /** Whose message it is; the system's if nobody is named, which clients see as `@system`. */
  senderId: UserId.optional(),
  message: MessageDraft,
})
const system = () => ({ userId: systemId })

export function messageRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/server/v1/messages',
    { config: { scope: 'messages:send' }, schema: { body: Send, response: { 201: Sent } } },
    async (request, reply) =>
      reply.status(201).send(await sendFromServer(ctx, { ...request.body, span: spanOf(request) })),
  )
  app.post(
    '/server/v1/messages/override',
    {
      config: { scope: 'messages:override' },
      schema: { body: Send.required({ senderId: true }), response: { 201: Sent } },
    },
    async (request, reply) =>
      reply
        .status(201)
        .send(await sendFromServer(ctx, { ...request.body, override: true, span: spanOf(request) })),
  )
  const options = { prefix: '/server', whoAsks: system }
  addOperation(app, ctx, 'message:recall', { ...options, config: { scope: 'messages:recall' } })
  addOperation(app, ctx, 'log:read', { ...options, config: { scope: 'entries:read' } })
}
