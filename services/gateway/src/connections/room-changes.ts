import type { ConversationId, UserId } from '@parley/shared/ids'

/** Whether the user is in a conversation, by the last that was said of it. */
type Changes = Map<ConversationId, boolean>

/**
 * What this node is told of who joined and left while messages is asked which groups somebody is in: the answer may
 * be older than that.
 */
export function createRoomChanges() {
  const watched = new Map<UserId, Set<Changes>>()

  return {
    joined(userId: UserId, conversationId: ConversationId): void {
      for (const changes of watched.get(userId) ?? []) changes.set(conversationId, true)
    },
    left(userId: UserId, conversationId: ConversationId): void {
      for (const changes of watched.get(userId) ?? []) changes.set(conversationId, false)
    },
    closed(conversationId: ConversationId): void {
      for (const ofUser of watched.values()) for (const changes of ofUser) changes.set(conversationId, false)
    },

    /** Whether messages is being asked about this user. */
    isWatched: (userId: UserId): boolean => watched.has(userId),

    /** Begins before messages is asked. To be disposed of. */
    watch(userId: UserId) {
      const changes: Changes = new Map()
      const ofUser = watched.get(userId) ?? new Set()
      watched.set(userId, ofUser.add(changes))
      return {
        get any(): boolean {
          return changes.size > 0
        },
        /** Whether it was told of this conversation since it began. */
        has: (conversationId: ConversationId): boolean => changes.has(conversationId),
        /** The answer, with what was told since it was asked for. */
        addTo(conversationIds: ConversationId[]): Set<ConversationId> {
          const current = new Set(conversationIds)
          for (const [conversationId, isIn] of changes) {
            if (isIn) current.add(conversationId)
            else current.delete(conversationId)
          }
          return current
        },
        [Symbol.dispose](): void {
          ofUser.delete(changes)
          if (ofUser.size === 0 && watched.get(userId) === ofUser) watched.delete(userId)
        },
      }
    },
  }
}

export type RoomChanges = ReturnType<typeof createRoomChanges>
