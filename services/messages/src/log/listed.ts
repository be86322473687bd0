import type { ListedConversation } from '@parley/shared/conversation-events'
import type { Entry } from '@parley/shared/entry'
import type { z } from 'zod'
import type { ChangedConversation } from './changes-store.ts'
import { toSummary } from './entry.ts'

/** A conversation as one member has it; the entry its list shows is among those given, unless it was cleared. */
export function toListed(row: ChangedConversation, entries: Entry[]): z.output<typeof ListedConversation> {
  const lastEntry = entries.find(({ seq }) => seq === row.shownSeq && seq > row.floorSeq)
  const { deliveredSeq, readSeq, clearedSeq, pinned, hidden } = row
  return {
    conversationId: row.conversationId,
    summary: toSummary(row, row.lastSeq),
    role: row.role,
    watermarks: { deliveredSeq, readSeq, clearedSeq },
    settings: { pinned, hidden },
    unread: row.unread,
    ...(lastEntry ? { lastEntry } : {}),
  }
}
