import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { findStandings } from './standing.ts'

export function groupRpc(app: HttpApp, ctx: Pick<Context, 'db'>): void {
  serveRpc(app, 'groups/standing', async ({ asks }) => toBatchReply(await findStandings(ctx, asks)))
}
