import type { PreparedSend } from './prepared-send.ts'

/** So long a conversation is left out whose sends had to be asked about. */
const conversationRestsMs = 10_000
/** So long everything is, after a send that was committed before cost a batch its first try. */
const allRestMs = 1_000
const mostConversations = 10_000

export type PlainSends = ReturnType<typeof createPlainSends>

/**
 * Which sends are worth trying with `commitPlain`. What it does not commit costs a second statement: so live rooms
 * and people who write where they may not are left out for a while, and those who send everything twice
 * spoil one batch a second at most.
 */
export function createPlainSends(now: () => number = () => performance.now()) {
  const until = new Map<string, number>()
  let allUntil = -Infinity
  return {
    includes({ conversationId, stored, bySystem }: PreparedSend): boolean {
      if (!stored || bySystem || now() < allUntil) return false
      const restsUntil = until.get(conversationId)
      if (restsUntil === undefined) return true
      if (now() < restsUntil) return false
      until.delete(conversationId)
      return true
    },
    leaveOut(conversationId: string): void {
      const [oldest] = until.size >= mostConversations ? until.keys() : []
      if (oldest !== undefined) until.delete(oldest)
      until.set(conversationId, now() + conversationRestsMs)
    },
    leaveOutAll(): void {
      allUntil = now() + allRestMs
    },
  }
}
