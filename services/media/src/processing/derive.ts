import { isFilm, isImage, isSound } from '../content-type/accepted.ts'
import type { Ffmpeg } from '../ffmpeg/ffmpeg.ts'
import { FfmpegRefusal } from '../ffmpeg/ffmpeg.ts'
import { deriveFilm } from './derive-film.ts'
import { deriveImage } from './derive-image.ts'
import { deriveSound } from './derive-sound.ts'
import { type Derived, type Refused, refused, type Source } from './derived.ts'
import type { ImageProcesses } from './image-processes.ts'
import type { Slots } from './slots.ts'

export interface Tools {
  images: ImageProcesses
  ffmpeg: Ffmpeg
  /** One film or sound is in the hands of ffmpeg for each. */
  slots: Slots
}

/** What a chat shows of a file, by its type. Undefined for a plain file, which is given out as it came. */
export async function derive(tools: Tools, source: Source): Promise<Derived | Refused | undefined> {
  const { contentType } = source
  if (isImage(contentType)) return deriveImage(tools.images, source)
  if (!isFilm(contentType) && !isSound(contentType)) return undefined
  return tools.slots
    .run(() => deriveAudible(tools, source))
    .catch((cause: unknown) => {
      if (cause instanceof FfmpegRefusal) return refused(cause.failure)
      throw cause
    })
}

async function deriveAudible(tools: Tools, source: Source): Promise<Derived | Refused> {
  const film = isFilm(source.contentType) ? await deriveFilm(tools, source) : undefined
  if (film) return film
  // The containers of films hold sound alone as well, and their first bytes do not say which.
  const contentType = soundOf[source.contentType] ?? source.contentType
  return deriveSound(tools.ffmpeg, { ...source, contentType })
}

const soundOf: Partial<Record<string, string>> = {
  'video/mp4': 'audio/mp4',
  'video/quicktime': 'audio/mp4',
  'video/webm': 'audio/webm',
}
