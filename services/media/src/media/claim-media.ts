import type { AppError } from '@parley/shared/errors'
import type { MediaId, UserId } from '@parley/shared/ids'
import type { MediaFacts } from '@parley/shared/media'
import type { Context } from '../context.ts'
import { mediaNotFound, mediaNotReady } from '../errors.ts'
import { factsOf } from './media-object.ts'
import { listMedia } from './store.ts'

interface Claim {
  userId: UserId
  mediaId: MediaId
}

/** What senders may refer to: their own media, and only when it is ready. In the order of the claims; one statement for all. */
export async function claimMedia(
  { db }: Pick<Context, 'db'>,
  claims: Claim[],
): Promise<(MediaFacts | AppError)[]> {
  if (claims.length === 0) return []
  const found = await listMedia(db, [...new Set(claims.map(({ mediaId }) => mediaId))])
  const byId = new Map(found.map((media) => [media.id, media]))
  return claims.map(({ userId, mediaId }) => {
    const media = byId.get(mediaId)
    if (!media || media.ownerId !== userId) return mediaNotFound()
    return media.status === 'ready' ? factsOf(media) : mediaNotReady()
  })
}
