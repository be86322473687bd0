import type { SessionId } from '@parley/shared/ids'
import type { GatewayOrder } from '@parley/shared/realtime'
import type { Caller } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import { unknownSession } from '../errors.ts'
import * as store from './store.ts'

type EndContext = Pick<Context, 'db' | 'announcer' | 'log'>

/** Ends a session and unbinds its device's push tokens in one transaction, so nothing reaches the device after. */
export async function logOut(ctx: EndContext, { sessionId }: Pick<Caller, 'sessionId'>): Promise<void> {
  const ended = await ctx.db
    .transaction()
    .execute((trx) => store.endSessions(trx, [sessionId], { reason: 'revoked' }))
  await announceEnd(ctx, ended, { reason: 'revoked' })
}

/** Ends one of the user's own sessions. Error: `not_found`, also for somebody else's. */
export async function revokeSession(ctx: EndContext, userId: string, sessionId: SessionId): Promise<void> {
  const unended = await store.listUnended(ctx.db, userId)
  if (!unended.some((session) => session.sessionId === sessionId)) throw unknownSession()
  await logOut(ctx, { sessionId })
}

/** Ends all sessions of a user, but for the one to keep. */
export async function revokeSessions(
  ctx: EndContext,
  userId: string,
  { except }: { except?: SessionId | undefined } = {},
): Promise<void> {
  const ended = await ctx.db.transaction().execute(async (trx) => {
    await store.lockAccount(trx, userId)
    const unended = await store.listUnended(trx, userId)
    const sessionIds = unended.map(({ sessionId }) => sessionId).filter((sessionId) => sessionId !== except)
    return store.endSessions(trx, sessionIds, { reason: 'revoked' })
  })
  await announceEnd(ctx, ended, { reason: 'revoked' })
}

type EndOrder = Extract<GatewayOrder, { kind: 'end-sessions' }>

/** Tells gateways to close the sockets. Should Redis lose this, their own look at `sessions/ended` finds it. */
export async function announceEnd(
  { announcer, log }: Pick<Context, 'announcer' | 'log'>,
  sessionIds: SessionId[],
  end: Pick<EndOrder, 'reason' | 'by'>,
): Promise<void> {
  if (sessionIds.length === 0) return
  await announcer
    .order({ kind: 'end-sessions', sessionIds, ...end })
    .catch((err: unknown) => log.warn({ err }, 'could not announce the end of sessions'))
}
