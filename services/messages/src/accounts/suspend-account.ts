import type { Context } from '../context.ts'
import { unknownUser } from '../errors.ts'
import { announceEnd } from '../sessions/end-session.ts'
import * as sessions from '../sessions/store.ts'
import * as store from './store.ts'

type SuspendContext = Pick<Context, 'db' | 'announcer' | 'log'>

/**
 * Shuts a user out: every session ends, with its push tokens, and none begins, until the account is restored. It
 * holds from the commit on; sockets close by order, or by the gateways' own look if Redis loses that.
 * Error: `not_found`, also of who was deleted.
 */
export async function suspendAccount(
  ctx: SuspendContext,
  userId: string,
  { reason = null }: { reason?: string | null | undefined } = {},
): Promise<void> {
  const ended = await ctx.db.transaction().execute(async (trx) => {
    if (!(await store.setSuspension(trx, userId, { reason }))) throw unknownUser()
    const unended = await sessions.listUnended(trx, userId)
    return sessions.endSessions(
      trx,
      unended.map(({ sessionId }) => sessionId),
      { reason: 'suspended' },
    )
  })
  await announceEnd(ctx, ended, { reason: 'suspended' })
}

/** Lets a suspended user log in again; the sessions from before stay ended. Error: `not_found`, also of who was deleted. */
export async function restoreAccount({ db }: Pick<Context, 'db'>, userId: string): Promise<void> {
  const known = await db.transaction().execute((trx) => store.setSuspension(trx, userId, undefined))
  if (!known) throw unknownUser()
}
