import type { SessionId } from '@parley/shared/ids'
import type { Caller } from '@parley/shared/rpc'
import type { Context } from '../context.ts'
import * as store from './store.ts'

/** Ends a session and unbinds its device's push tokens in one transaction, so nothing reaches the device after. */
export async function logOut(ctx: Pick<Context, 'db' | 'announcer' | 'log'>, caller: Caller): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    await store.endSession(trx, caller.sessionId)
    await store.removePushTokens(trx, caller.userId, caller.deviceId)
  })
  await announceEnd(ctx, [caller.sessionId], 'revoked')
}

/** Tells gateways to close the sockets. Should Redis lose this, their own look at `sessions/ended` finds it. */
export async function announceEnd(
  { announcer, log }: Pick<Context, 'announcer' | 'log'>,
  sessionIds: SessionId[],
  reason: 'revoked' | 'replaced',
): Promise<void> {
  if (sessionIds.length === 0) return
  await announcer
    .order({ kind: 'end-sessions', sessionIds, reason })
    .catch((err: unknown) => log.warn({ err }, 'could not announce the end of sessions'))
}
