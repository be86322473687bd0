import type { UserId } from '@parley/shared/ids'

interface Ask {
  isOutdated: boolean
}

/**
 * Of whom this node is told that what they may see, or who may see them, has changed, while messages is asked whom
 * somebody may see: the answer may be older than that.
 */
export function createVisibilityChanges() {
  const watched = new Map<UserId, Set<Ask>>()

  return {
    changed(userIds: UserId[]): void {
      for (const userId of userIds) for (const ask of watched.get(userId) ?? []) ask.isOutdated = true
    },

    /** Orders may have been lost, about anybody. */
    allChanged(): void {
      for (const asks of watched.values()) for (const ask of asks) ask.isOutdated = true
    },

    /** Begins before messages is asked about these users. To be disposed of. */
    watch(userIds: Iterable<UserId>) {
      const ask: Ask = { isOutdated: false }
      const concerned = new Set(userIds)
      for (const userId of concerned) watched.set(userId, (watched.get(userId) ?? new Set<Ask>()).add(ask))
      return {
        get any(): boolean {
          return ask.isOutdated
        },
        [Symbol.dispose](): void {
          for (const userId of concerned) {
            const asks = watched.get(userId)
            asks?.delete(ask)
            if (asks?.size === 0) watched.delete(userId)
          }
        },
      }
    },
  }
}
