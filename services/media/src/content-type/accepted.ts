/** Types that a browser may show in place: none of them can carry a script. Everything else is only a download. */
export const shownInline: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/avif',
  'video/mp4',
  'video/webm',
  'audio/ogg',
  'audio/webm',
  'audio/mp4',
  'audio/mpeg',
])

/** Types that are taken in and become one of those above. */
const converted: ReadonlySet<string> = new Set(['video/quicktime', 'audio/amr', 'audio/aac', 'audio/wav'])

export const unknownType = 'application/octet-stream'

const otherNames = new Map([
  ['image/jpg', 'image/jpeg'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/m4a', 'audio/mp4'],
  ['audio/x-m4a', 'audio/mp4'],
  ['audio/opus', 'audio/ogg'],
  ['application/ogg', 'audio/ogg'],
  ['audio/amr-nb', 'audio/amr'],
  ['audio/amr-wb', 'audio/amr'],
  ['audio/x-aac', 'audio/aac'],
  ['audio/aacp', 'audio/aac'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/wave', 'audio/wav'],
  ['audio/vnd.wave', 'audio/wav'],
])

/** A declared type without its parameters, in its usual spelling. */
export function normalType(declared: string): string {
  const type = declared.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return otherNames.get(type) ?? type
}

export const isImage = (contentType: string) => contentType.startsWith('image/')
export const isFilm = (contentType: string) => contentType.startsWith('video/')
export const isSound = (contentType: string) => contentType.startsWith('audio/')
const isPlayable = (type: string) => isImage(type) || isFilm(type) || isSound(type)

/** Whether what a client calls a picture, film or sound is of a kind that can be shown as one. */
export function isAccepted(declared: string): boolean {
  return !isPlayable(declared) || shownInline.has(declared) || converted.has(declared)
}

/**
 * The type of an upload: what its content is. Undefined when it was declared as a picture, film or sound and
 * is something else. Two containers hold sound alone as well as film, and there the declaration decides.
 */
export function decideType(declared: string, found: string): string | undefined {
  const type = soundIn.get(declared) === found ? declared : found
  return isPlayable(declared) && declared !== type ? undefined : type
}

const soundIn = new Map([
  ['audio/mp4', 'video/mp4'],
  ['audio/webm', 'video/webm'],
])

/** What a file of a type that is shown is called at its end. */
export function extensionOf(contentType: string): string {
  const extensions: Partial<Record<string, string>> = { 'audio/mp4': 'm4a', 'audio/mpeg': 'mp3' }
  return extensions[contentType] ?? contentType.replace(/^.*\//, '')
}
