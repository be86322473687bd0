import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { Context } from '../context.ts'
import { findAgain, findDue } from './due.ts'
import { reportOutcomes } from './report.ts'
import { findWithdrawals, reportWithdrawals } from './withdrawals.ts'

export function deliveryRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'deliveries/due', (query) => findDue(ctx, query))
  serveRpc(app, 'deliveries/again', (query) => findAgain(ctx, query))
  serveRpc(app, 'deliveries/report', async (report) => {
    await reportOutcomes(ctx, report)
    return {}
  })
  serveRpc(app, 'withdrawals/due', async (query) => ({ withdrawals: await findWithdrawals(ctx, query) }))
  serveRpc(app, 'withdrawals/report', async ({ outcomes }) => {
    await reportWithdrawals(ctx, outcomes)
    return {}
  })
}
