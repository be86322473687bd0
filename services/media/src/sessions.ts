import { createBatcher } from '@parley/shared/batcher'
import type { SessionId } from '@parley/shared/ids'
import type { MessagesClient } from './messages-client.ts'

/** How long a session that was alive may be taken for alive: so long after a logout a token still opens media. */
const aliveForMs = 5_000
const maxRemembered = 10_000

/** Whether sessions have ended, asked of messages in natural batches. When it cannot be asked, the check throws. */
export function createSessionCheck(
  messages: Pick<MessagesClient, 'findEnded'>,
  now: () => number = Date.now,
) {
  // In the order of the asking, so the first is the oldest.
  const askedAt = new Map<SessionId, number>()

  const batcher = createBatcher<SessionId, { ended: boolean }>({
    maxBatch: 500,
    maxQueued: 5_000,
    run: async (sessionIds) => {
      const asked = now()
      const ended = new Set(await messages.findEnded(sessionIds))
      for (const sessionId of sessionIds) if (!ended.has(sessionId)) remember(sessionId, asked)
      return sessionIds.map((sessionId) => ({ ended: ended.has(sessionId) }))
    },
  })

  function remember(sessionId: SessionId, at: number): void {
    askedAt.delete(sessionId)
    askedAt.set(sessionId, at)
    const [oldest] = askedAt.keys()
    if (askedAt.size > maxRemembered && oldest) askedAt.delete(oldest)
  }

  return {
    async hasEnded(sessionId: SessionId): Promise<boolean> {
      if ((askedAt.get(sessionId) ?? Number.NEGATIVE_INFINITY) > now() - aliveForMs) return false
      return (await batcher.add(sessionId)).ended
    },
  }
}

export type SessionCheck = ReturnType<typeof createSessionCheck>
