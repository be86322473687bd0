import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { sendMessages } from './send-message.ts'

export function messageRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'messages/send', async ({ sends }) => toBatchReply(await sendMessages(ctx, sends)))
}
