import type { AppError } from '@parley/shared/errors'
import type { ConversationId, SessionId } from '@parley/shared/ids'
import type { Caller, OpenedSession } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { sessionEnded } from '../errors.ts'
import * as store from './store.ts'

/** For a gateway's handshakes: whether each session may connect, and the groups it is to hear. One statement for all. */
export async function openSessions(
  { db }: Pick<Context, 'db'>,
  sessions: Caller[],
): Promise<(OpenedSession | AppError)[]> {
  const rows = await store.listAliveWithGroups(
    db,
    sessions.map(({ sessionId }) => sessionId),
  )
  const groups = new Map(rows.map(({ sessionId, groupIds }) => [sessionId, groupIds ?? []]))
  return sessions.map(({ sessionId }) => {
    const conversationIds = groups.get(sessionId)
    return conversationIds ? { conversationIds: conversationIds as ConversationId[] } : sessionEnded()
  })
}

/** Which of these sessions have ended. */
export async function findEnded({ db }: Pick<Context, 'db'>, sessionIds: SessionId[]): Promise<SessionId[]> {
  if (sessionIds.length === 0) return []
  const alive = await store.listAlive(db, sessionIds)
  return sessionIds.filter((sessionId) => !alive.has(sessionId))
}
