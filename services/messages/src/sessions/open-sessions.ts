import type { AppError } from '@parley/shared/errors'
import type { ConversationId } from '@parley/shared/ids'
import type { Caller, OpenedSession } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { sessionEnded } from '../errors.ts'
import { openOperatorSessions } from './operator-sessions.ts'
import { findEnded, refusalOf } from './standing.ts'
import * as store from './store.ts'

type OpenContext = Pick<Context, 'config' | 'db' | 'announcer' | 'log'>

/**
 * For a gateway's handshakes: whether each session may connect, and the groups it is to hear. One statement for
 * all that may; a second one tells the others why not.
 */
export async function openSessions(
  ctx: OpenContext,
  sessions: Caller[],
): Promise<(OpenedSession | AppError)[]> {
  const refused = await openOperatorSessions(ctx, sessions)
  const rows = await store.listAliveWithGroups(
    ctx.db,
    sessions.map(({ sessionId }) => sessionId),
  )
  const groups = new Map(rows.map(({ sessionId, groupIds }) => [sessionId, groupIds ?? []]))
  const missing = sessions.map(({ sessionId }) => sessionId).filter((sessionId) => !groups.has(sessionId))
  const ended = new Map((await findEnded(ctx, missing)).map((end) => [end.sessionId, end.reason]))
  return sessions.map((session) => {
    const refusal = refused.get(session)
    if (refusal) return refusal
    const conversationIds = groups.get(session.sessionId)
    if (conversationIds) return { conversationIds: conversationIds as ConversationId[] }
    const reason = ended.get(session.sessionId)
    return reason ? refusalOf(reason) : sessionEnded()
  })
}
