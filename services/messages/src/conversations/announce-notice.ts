import type { ConversationId, UserId } from '@parley/shared/ids'
import type { ConversationSummary } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { toEntry } from '../log/entry.ts'
import type { Notice } from './store.ts'

interface Announcement {
  notice: Notice
  appended: { seq: number; sentAt: Date; dispatchId: number }
  summary: ConversationSummary
  /** Whose sockets are to hear the conversation from here on. */
  joined: string[]
}

/**
 * Lets sockets of new members into the room, then rings. Should Redis lose the order, those sockets are let in
 * when they connect next, and hear of the conversation by sync.
 */
export async function announceNotice(
  { announcer, dispatcher, log }: Pick<Context, 'announcer' | 'dispatcher' | 'log'>,
  { notice, appended, summary, joined }: Announcement,
): Promise<void> {
  const conversationId = notice.conversationId as ConversationId
  await announcer
    .order({ kind: 'join', userIds: joined as UserId[], conversationId })
    .catch((err: unknown) => log.warn({ err }, 'new members could not be let into the room'))
  const row = {
    ...notice,
    seq: appended.seq,
    sentAt: appended.sentAt,
    clientMessageId: null,
    replyTo: null,
    mentions: null,
    ext: null,
    editedAt: null,
    recalledAt: null,
  }
  dispatcher.announceEntry(toEntry(row), { summary, dispatchId: appended.dispatchId, joined })
}
