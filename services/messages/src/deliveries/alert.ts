import type { Preview } from '../db/schema.ts'
import { isSystem } from '../server-api/system.ts'
import type { AlertedEntry } from './due-store.ts'
import { fill, type Wording, wordingFor } from './wording.ts'

/** More than any screen shows; providers cut further, to what their payloads hold. */
const maxDigest = 1_000
const digests = ['image', 'video', 'voice', 'file', 'location'] as const

type Told = Pick<
  AlertedEntry,
  'senderId' | 'senderName' | 'conversationKind' | 'conversationName' | 'kind' | 'type' | 'content'
> & { digest?: string | null }

/** What the words depend on beside the entry. */
export interface Reader {
  locale: string | null
  preview: Preview | null
  isMentioned: boolean
}

/**
 * The words of an alert: who, in which group, and what in short, in the language of the device. With the preview
 * hidden it says neither who nor what; an empty title leaves the app's name to the system.
 */
export function alertText(
  entry: Told,
  { locale, preview, isMentioned }: Reader,
): { title: string; body: string } {
  const wording = wordingFor(locale)
  if (preview === 'none') return { title: '', body: generic(entry, wording) }
  // The system has no name to show: the group's or the app's stands for it.
  const bySystem = isSystem(entry.senderId)
  const name = bySystem ? '' : (entry.senderName ?? entry.senderId)
  const isGroup = entry.conversationKind === 'group'
  const title = isGroup ? (entry.conversationName ?? wording.group) : name
  const text = preview === 'sender' ? generic(entry, wording) : digest(entry, wording)
  if (isGroup && !bySystem && isMentioned) return { title, body: fill(wording.mention, { name, text }) }
  return { title, body: isGroup && !bySystem ? fill(wording.inGroup, { name, text }) : text }
}

function generic({ kind }: Pick<Told, 'kind'>, wording: Wording): string {
  if (kind === 'contact') return wording.contactRequest
  return kind === 'call' ? wording.missedCall : wording.newMessage
}

function digest(
  { kind, type, content, digest: said }: Pick<Told, 'kind' | 'type' | 'content' | 'digest'>,
  wording: Wording,
): string {
  if (kind !== 'message') return generic({ kind }, wording)
  if (said) return shorten(said)
  const text = type === 'text' ? content['text'] : content['caption']
  if (typeof text === 'string' && text !== '') return shorten(text)
  const known = digests.find((name) => name === type)
  return known ? wording[known] : wording.newMessage
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Cut between two characters as people see them. */
function shorten(text: string): string {
  if (text.length <= maxDigest) return text
  let end = 0
  for (const { segment, index } of graphemes.segment(text.slice(0, maxDigest + 64))) {
    if (index + segment.length > maxDigest) break
    end = index + segment.length
  }
  return `${text.slice(0, end)}…`
}
