import type { Form, Media } from '../db/schema.ts'

/** Smallest first. JPEG is what everything reads, so it needs no asking for. */
const pictureTypes = ['image/avif', 'image/webp', 'image/jpeg']

/**
 * The form of this name that a client can read, by its `Accept` header (RFC 9110, 12.5.1). A client that names no
 * image type, as one that is no browser, gets WebP, which every phone of today reads.
 */
export function chooseForm(
  { forms }: Media,
  name: Form['name'],
  accept: string | undefined,
): Form | undefined {
  const named = forms.filter((form) => form.name === name)
  const reads = readableTypes(accept)
  const chosen = pictureTypes.find(
    (type) => reads.includes(type) && named.some(({ contentType }) => contentType === type),
  )
  return named.find(({ contentType }) => contentType === chosen) ?? named[0]
}

function readableTypes(accept: string | undefined): string[] {
  const named = (accept ?? '')
    .split(',')
    .map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
    .filter(([, ...parameters]) => !parameters.includes('q=0'))
    .map(([type = '']) => type)
  if (named.some((type) => pictureTypes.includes(type))) return [...named, 'image/jpeg']
  return ['image/webp', 'image/jpeg']
}
