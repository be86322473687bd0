import type { DueRow } from './store.ts'

const digestByType: Record<string, string> = {
  image: 'Photo',
  video: 'Video',
  voice: 'Voice message',
  file: 'File',
  location: 'Location',
}
const maxDigest = 1_000

/** The words of an alert: who, in which group, and what in short. */
export function alertText(
  row: Pick<DueRow, 'senderId' | 'senderName' | 'conversationKind' | 'conversationName' | 'type' | 'content'>,
) {
  const sender = row.senderName ?? row.senderId
  const isGroup = row.conversationKind !== 'direct'
  return {
    title: isGroup ? (row.conversationName ?? 'Group') : sender,
    body: isGroup ? `${sender}: ${digest(row)}` : digest(row),
  }
}

function digest({ type, content }: Pick<DueRow, 'type' | 'content'>): string {
  const text = type === 'text' ? content['text'] : content['caption']
  if (typeof text === 'string' && text !== '') return text.slice(0, maxDigest).toWellFormed()
  return digestByType[type] ?? 'New message'
}
