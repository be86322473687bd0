import type { ConversationKind } from '../db/schema.ts'
import type { LogRow } from '../log/entry.ts'
import { toEntry, toSummary } from '../log/entry.ts'
import type { DueEntry } from './store.ts'

const ofMessages: Readonly<Record<string, string>> = {
  message: 'message.created',
  edit: 'message.edited',
  recall: 'message.recalled',
  reaction: 'message.reacted',
}

/** What an entry is called where it is told to others; undefined for what concerns one user alone. */
export function eventOf({
  kind,
  type,
  conversationKind,
}: Pick<LogRow, 'kind' | 'type'> & { conversationKind: ConversationKind }): string | undefined {
  const ofMessage = Object.hasOwn(ofMessages, kind) ? ofMessages[kind] : undefined
  if (ofMessage) return ofMessage
  return conversationKind !== 'self' && type.startsWith(`group.`) ? type : undefined
}

/** The body of a delivery, as Standard Webhooks has it. */
export function bodyOf(event: string, at: Date, data: object): string {
  return JSON.stringify({ type: event, timestamp: at.toISOString(), data })
}

/** The entry as it is now: what was recalled since says nothing any more. */
export function entryData({ conversation, ...row }: DueEntry): object {
  return {
    entry: toEntry(row),
    conversation: toSummary({ ...conversation, conversationId: row.conversationId }, row.seq),
  }
}
