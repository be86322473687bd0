import type { MessageType } from './message-type.ts'

const maxValue = 128
/** As long as a sender's own may be. */
const maxDigest = 256

/** What is shown of a message whose sender says nothing: its type's digest, with the content's fields in their places. */
export function digestOf(
  { digest }: Pick<MessageType, 'digest'>,
  content: Record<string, unknown>,
): string | null {
  return digest === null ? null : fill(digest, content)
}

/**
 * The digest in the language of whoever is alerted. What a sender said stays as it is; only what came from the type,
 * and still would, is said in the type's words for that language.
 */
export function digestFor(
  type: Pick<MessageType, 'digest' | 'digests'> | undefined,
  entry: { digest: string | null; content: Record<string, unknown> },
  locale: string | null,
): string | null {
  const language = locale?.split('-', 1)[0]?.toLowerCase() ?? ''
  const template = type && Object.hasOwn(type.digests, language) ? type.digests[language] : undefined
  if (!type || template === undefined || entry.digest !== digestOf(type, entry.content)) return entry.digest
  return fill(template, entry.content)
}

/** Texts and numbers of the content, cut short; anything else leaves its place empty. */
function fill(template: string, content: Record<string, unknown>): string {
  const filled = template.replace(/\{([A-Za-z0-9_]{1,64})\}/g, (_, name: string) => {
    const value = Object.hasOwn(content, name) ? content[name] : undefined
    return typeof value === 'string' || typeof value === 'number' ? cut(String(value), maxValue) : ''
  })
  return cut(filled, maxDigest)
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Between two characters as people see them. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  let end = 0
  for (const { segment, index } of graphemes.segment(text.slice(0, length + 64))) {
    if (index + segment.length > length) break
    end = index + segment.length
  }
  return text.slice(0, end)
}
