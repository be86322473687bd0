import type { Config } from '../config.ts'
import { isFilm, isImage, isSound } from '../content-type/accepted.ts'

/** The bytes an upload of a type may have: what the kind of media, all uploads, and the scanner allow. */
export function maxBytesOf({ uploads, clamav }: Pick<Config, 'uploads' | 'clamav'>, contentType: string) {
  const ofKind = isImage(contentType)
    ? uploads.maxImageBytes
    : isFilm(contentType)
      ? uploads.maxFilmBytes
      : isSound(contentType)
        ? uploads.maxSoundBytes
        : undefined
  const limits = [uploads.maxBytes, ofKind, clamav?.maxBytes]
  return Math.min(...limits.filter((limit) => limit !== undefined))
}
