import { AppError } from '@parley/shared/errors'
import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { findReturns } from '../log/returns.ts'
import { answer } from './operations.ts'

/** What gateways pass on, already parsed there by the protocol table. */
export function operationRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'events/ask', async ({ identity, event, request }, span) => {
    span?.set({ 'parley.event': event })
    const answered = answer(ctx, identity, event, request)
    if (!answered) throw new AppError('unknown_event', 'messages knows no such event')
    return answered
  })
  serveRpc(app, 'log/returns', async ({ asks }) => toBatchReply(await findReturns(ctx, asks)))
}
