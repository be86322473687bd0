const maxBytes = 255

/**
 * A name to show people and to save under: without a path, without characters that control a terminal or turn
 * the direction of writing, which make `exe.jpg` of `gpj.exe`. It never names anything on this side.
 */
export function displayName(given: string): string {
  const last = given.normalize('NFC').split(/[/\\]/).at(-1) ?? ''
  const plain = last
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/^[. ]+|[. ]+$/g, '')
  return shorten(plain) || 'file'
}

/** Keeps the end of the stem's place for the extension, so that a long name still opens. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= maxBytes) return name
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  let stem = ''
  for (const { segment } of graphemes.segment(name.slice(0, name.length - extension.length))) {
    if (Buffer.byteLength(stem + segment + extension) > maxBytes) break
    stem += segment
  }
  return stem + extension
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The same name with the extension of another type. */
export function withExtension(fileName: string, extension: string): string {
  return shorten(`${fileName.replace(/\.[A-Za-z0-9]{1,10}$/, '')}.${extension}`)
}
