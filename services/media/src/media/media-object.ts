import type { MediaFacts, MediaObject } from '@parley/shared/media'
import type { Form, Media } from '../db/schema.ts'

export function factsOf(media: Media): MediaFacts {
  const { width, height, animated, thumbhash, durationMs, waveform, videoCodec, audioCodec } = media
  const thumbnail = sizeOf(media, 'thumbnail')
  const preview = sizeOf(media, 'preview')
  return {
    mediaId: media.id,
    contentType: media.contentType ?? media.declaredType,
    sizeBytes: media.sizeBytes,
    fileName: media.fileName,
    ...(width && height ? { width, height } : {}),
    ...(animated ? { animated } : {}),
    ...(thumbnail ? { thumbnail } : {}),
    ...(preview ? { preview } : {}),
    ...(thumbhash ? { thumbhash } : {}),
    ...(durationMs === null ? {} : { durationMs }),
    ...(waveform ? { waveform } : {}),
    ...(videoCodec || audioCodec
      ? {
          codecs: {
            ...(videoCodec ? { video: videoCodec } : {}),
            ...(audioCodec ? { audio: audioCodec } : {}),
          },
        }
      : {}),
  }
}

/** Of media whose upload was completed. */
export function mediaObject(media: Media): MediaObject {
  if (media.status === 'pending') throw new Error('a pending upload is not a media object')
  return {
    ...factsOf(media),
    status: media.status,
    ...(media.status === 'processing' ? { stage: media.stage ?? 'waiting' } : {}),
    ...(media.failure ? { failure: media.failure } : {}),
    createdAt: media.createdAt.toISOString(),
  }
}

/** Every format of a form has the same size. */
function sizeOf({ forms }: Media, name: Form['name']) {
  const form = forms.find((made) => made.name === name)
  return form?.width && form.height ? { width: form.width, height: form.height } : undefined
}
