import type { Entry } from '@parley/shared/entry'
import type { Character } from './people.ts'

/** The conversation as a person reads it; of a long burst the ends. */
export function transcribe(entries: Entry[], people: Character[]): string {
  const nameOf = new Map(people.map(({ userId, name }) => [userId, name]))
  const lines = entries.map(
    (entry) =>
      `  ${String(entry.seq).padStart(4)}  ${(nameOf.get(entry.senderId) ?? '?').padEnd(4)} ${describe(entry)}`,
  )
  if (lines.length <= 40) return lines.join('\n')
  return [...lines.slice(0, 22), `        … ${lines.length - 28} more …`, ...lines.slice(-6)].join('\n')
}

function describe({ type, content }: Entry): string {
  switch (type) {
    case 'text':
      return String(content['text'])
    case 'image':
      return `[photo ${String(content['width'])}x${String(content['height'])}, ${String(content['sizeBytes'])} bytes] ${captionOf(content['caption'])}`
    case 'location':
      return `[location ${String(content['latitude'])}, ${String(content['longitude'])}] ${captionOf(content['name'])}`
    default:
      return `[${type}] ${JSON.stringify(content)}`
  }
}

function captionOf(text: unknown): string {
  return typeof text === 'string' ? text : ''
}
