import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { MessageDraft, Sent } from '@parley/shared/protocol'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { authenticate } from '../sessions/authenticate.ts'
import { sendMessage, sendMessages } from './send-message.ts'

export function messageRoutes(app: HttpApp, ctx: Context): void {
  app.post(
    '/v1/messages',
    { schema: { body: MessageDraft, response: { 201: Sent } } },
    async (request, reply) => {
      const { userId, deviceId } = await authenticate(ctx, request)
      return reply.status(201).send(await sendMessage(ctx, { userId, deviceId, draft: request.body }))
    },
  )
}

export function messageRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'messages/send', async ({ sends }) => toBatchReply(await sendMessages(ctx, sends)))
}
