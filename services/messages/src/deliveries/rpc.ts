import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { Context } from '../context.ts'
import { findDue } from './due.ts'
import { reportOutcomes } from './report.ts'

export function deliveryRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'deliveries/due', async (query) => ({ deliveries: await findDue(ctx, query) }))
  serveRpc(app, 'deliveries/report', async ({ conversationId, outcomes }) => {
    await reportOutcomes(ctx, conversationId, outcomes)
    return {}
  })
}
