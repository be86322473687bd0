const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const ellipsis = '…'

/**
 * The text, or as much of it as takes `bytes` bytes inside a JSON string in UTF-8, cut between two
 * characters as people see them (an emoji of several code points stays whole) and closed with an ellipsis.
 */
export function cutText(text: string, bytes: number): string {
  if (jsonBytes(text) <= bytes) return text
  let left = bytes - Buffer.byteLength(ellipsis)
  if (left < 0) return ''
  let end = 0
  // A UTF-16 unit takes a byte or more, so what fits is found without looking at a long text to its end.
  for (const { segment } of graphemes.segment(text.slice(0, bytes + 1))) {
    left -= jsonBytes(segment)
    if (left < 0) break
    end += segment.length
  }
  return text.slice(0, end) + ellipsis
}

/** Escapes count: a quote takes two bytes, a control character six. */
function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}
