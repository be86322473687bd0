import type { MediaFacts } from '@parley/shared/rpc'
import { z } from 'zod'
import type { Media } from '../db/schema.ts'

/** What a client is told of media of its own. */
export const MediaObject = z.object({
  mediaId: z.string(),
  status: z.enum(['processing', 'ready', 'failed']),
  /** With `failed`: `unreadable`, `too_many_pixels` or `unprocessable`. */
  failure: z.string().optional(),
  contentType: z.string(),
  sizeBytes: z.int(),
  fileName: z.string(),
  width: z.int().optional(),
  height: z.int().optional(),
  thumbnail: z.object({ width: z.int(), height: z.int() }).optional(),
  /** Base64. */
  thumbhash: z.string().optional(),
  createdAt: z.iso.datetime(),
})
export type MediaObject = z.output<typeof MediaObject>

export function factsOf(media: Media): MediaFacts {
  const { width, height, thumbnailWidth, thumbnailHeight, thumbhash } = media
  return {
    mediaId: media.id,
    contentType: media.contentType ?? media.declaredType,
    sizeBytes: media.sizeBytes,
    fileName: media.fileName,
    ...(width && height ? { width, height } : {}),
    ...(thumbnailWidth && thumbnailHeight
      ? { thumbnail: { width: thumbnailWidth, height: thumbnailHeight } }
      : {}),
    ...(thumbhash ? { thumbhash } : {}),
  }
}

/** Of media whose upload was completed. */
export function mediaObject(media: Media): MediaObject {
  if (media.status === 'pending') throw new Error('a pending upload is not a media object')
  return {
    ...factsOf(media),
    status: media.status,
    ...(media.failure ? { failure: media.failure } : {}),
    createdAt: media.createdAt.toISOString(),
  }
}
