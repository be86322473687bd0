import type { MediaId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import type { Media } from '../db/schema.ts'
import { mediaNotFound } from '../errors.ts'
import { findMedia } from './store.ts'

/**
 * Media for its owner, or for whoever may at this moment see a message that refers to it; messages is asked
 * each time. Anybody else hears what they would hear of an id that does not exist.
 */
export async function getVisible(
  { db, messages }: Pick<Context, 'db' | 'messages'>,
  { userId, mediaId }: { userId: UserId; mediaId: MediaId },
): Promise<Media> {
  const media = await findMedia(db, mediaId)
  if (!media || media.status === 'pending') throw mediaNotFound()
  if (media.ownerId === userId) return media
  if (media.status !== 'ready' || !(await messages.mayRead(userId, mediaId))) throw mediaNotFound()
  return media
}
