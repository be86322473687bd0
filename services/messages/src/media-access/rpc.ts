import type { HttpApp } from '@parley/shared/http'
import { serveRpc } from '@parley/shared/internal-http'
import type { Context } from '../context.ts'
import { findAvatar, findGroupPicture, isVisible, listNeeded } from './store.ts'

export function mediaAccessRpc(app: HttpApp, { db, policies }: Pick<Context, 'db' | 'policies'>): void {
  const showingAll = [...policies.values()].filter(({ history }) => history === 'all').map(({ id }) => id)

  serveRpc(app, 'media-access/check', async ({ userId, mediaId }) => ({
    visible: await isVisible(db, userId, mediaId),
  }))
  serveRpc(app, 'media-access/picture', async ({ askedBy, of }) => {
    const shown =
      'userId' in of
        ? await findAvatar(db, of.userId)
        : await findGroupPicture(db, of.conversationId, askedBy)
    return shown ? { shown } : {}
  })
  serveRpc(app, 'media-access/needed', async ({ mediaIds, sentAfter = null }) => ({
    needed: await listNeeded(db, { mediaIds, sentAfter, showingAll }),
  }))
}
