import type { ConversationId, UserId } from '@parley/shared/ids'

interface Entry {
  conversationId: ConversationId
  seq: number
  senderId: UserId
  /** Those who may be told of it, and its sender. */
  memberIds: UserId[]
  recalled: boolean
}

/** How far a user is in a conversation. */
interface Mark {
  read: number
  delivered: number
}

/** What users did, as the checks know it without asking the code that is checked. */
export function createHistory() {
  const entries: Entry[] = []
  const marks = new Map<string, Mark>()

  return {
    entries,
    findEntry: (conversationId: ConversationId, seq: number) =>
      entries.find((one) => one.conversationId === conversationId && one.seq === seq),
    markOf: reader(marks),
    move(userId: UserId, conversationId: ConversationId, mark: Mark): void {
      marks.set(keyOf(userId, conversationId), mark)
    },
    /** What they did until now; what they do afterwards does not show in it. */
    soFar() {
      const recalled = new Set(entries.filter((entry) => entry.recalled))
      return {
        markOf: reader(new Map(marks)),
        wasRecalled: (entry: Entry) => recalled.has(entry),
      }
    },
  }
}

export type History = ReturnType<typeof createHistory>

const keyOf = (userId: UserId, conversationId: ConversationId) => `${userId} ${conversationId}`

function reader(marks: Map<string, Mark>) {
  return (userId: UserId, conversationId: ConversationId): Mark =>
    marks.get(keyOf(userId, conversationId)) ?? { read: 0, delivered: 0 }
}
