import { AppError } from '@parley/shared/errors'
import type { MediaId, UserId } from '@parley/shared/ids'
import type { MediaFacts } from '@parley/shared/media'
import type { Context } from '../context.ts'
import { mediaNotFound, mediaNotReady } from '../errors.ts'
import { factsOf } from './media-object.ts'
import { keepMedia } from './store.ts'

interface Claim {
  userId: UserId
  mediaId: MediaId
}

/**
 * What users may refer to: media that is ready and theirs, or that they may see. It is kept for as long as it takes to
 * store the reference, and for as long as there is one after that. In the order of the claims.
 */
export async function claimMedia(
  { db, messages, config }: Pick<Context, 'db' | 'messages' | 'config'>,
  claims: Claim[],
): Promise<(MediaFacts | AppError)[]> {
  if (claims.length === 0) return []
  const ids = [...new Set(claims.map(({ mediaId }) => mediaId))]
  // Kept before the right is looked at: it may hang on a message that is taken back meanwhile.
  const found = await keepMedia(db, ids, config.collection.graceMs)
  const byId = new Map(found.map((media) => [media.id, media]))
  return Promise.all(
    claims.map(async ({ userId, mediaId }) => {
      const media = byId.get(mediaId)
      if (!media) return mediaNotFound()
      const isOwn = media.ownerId === userId
      if (isOwn) return media.status === 'ready' ? factsOf(media) : mediaNotReady()
      if (media.status !== 'ready') return mediaNotFound()
      const seen = await messages.mayRead(userId, mediaId).catch((cause: unknown) => AppError.from(cause))
      if (seen instanceof AppError) return seen
      return seen ? factsOf(media) : mediaNotFound()
    }),
  )
}
