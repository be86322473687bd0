import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import { toBatchReply } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { claimMedia } from './claim-media.ts'

export function mediaRpc(app: HttpApp, ctx: Context): void {
  serveRpc(app, 'media/claim', async ({ claims }) => toBatchReply(await claimMedia(ctx, claims)))
}
