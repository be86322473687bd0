import type { BuiltInType } from '@parley/shared/content'

/** What people would look for in each type of message. */
const fields: Record<BuiltInType, string[]> = {
  text: ['text'],
  image: ['caption', 'fileName'],
  video: ['caption', 'fileName'],
  voice: [],
  file: ['caption', 'fileName'],
  location: ['name', 'detail'],
  sticker: ['label'],
  contact: ['name'],
  encrypted: [],
  command: [],
}

interface Searchable {
  type: string
  content: Record<string, unknown>
  digest: string | null
}

/** The words of a message. Of an app's own type nothing is known but what lists show of it. */
export function searchableText({ type, content, digest }: Searchable): string {
  const names = Object.hasOwn(fields, type) ? fields[type as BuiltInType] : undefined
  if (!names) return digest ?? ''
  return names
    .map((name) => content[name])
    .filter((value) => typeof value === 'string')
    .join('\n')
}
