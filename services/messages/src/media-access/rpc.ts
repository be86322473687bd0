import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { Context } from '../context.ts'
import { isVisible } from './store.ts'

export function mediaAccessRpc(app: HttpApp, { db }: Pick<Context, 'db'>): void {
  serveRpc(app, 'media-access/check', async ({ userId, mediaId }) => ({
    visible: await isVisible(db, userId, mediaId),
  }))
}
