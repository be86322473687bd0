import { type ConversationId, messageIdOf, type UserId } from '@parley/shared/ids'
import { encodeEvent, userRoom } from '@parley/shared/realtime'

interface Marked {
  conversationId: string
  userId: string
  seqs: number[]
  read: boolean
}

/** Tells `hearer` that messages were marked. */
export function markedRing(hearer: string, { conversationId, userId, seqs, read }: Marked) {
  const messageIds = seqs.map((seq) => messageIdOf(conversationId as ConversationId, seq))
  const text = encodeEvent('message:marked', { conversationId, userId, messageIds, read })
  return { room: userRoom(hearer as UserId), text }
}
