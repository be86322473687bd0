import type { HttpApp } from '@parley/shared/http'
import { MessageId, UserId } from '@parley/shared/ids'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { explainMessage } from './explain.ts'

const Question = z.strictObject({ message: MessageId, user: UserId })

/** "Where is this message?", for operators, on the internal port. */
export function explainAdmin(app: HttpApp, ctx: Context): void {
  app.get('/admin/explain', { schema: { querystring: Question } }, ({ query: { message, user } }) =>
    explainMessage(ctx, { messageId: message, userId: user }),
  )
}
