import type { Identity } from '@parley/shared/tokens'
import type { Context } from '../context.ts'
import { noPassword, tooManyLogins, wrongCredentials } from '../errors.ts'
import { announceEnd } from '../sessions/end-session.ts'
import * as sessions from '../sessions/store.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import * as store from './store.ts'

/**
 * A new password ends every other session of the user. A stolen access token is not enough to guess the old one:
 * attempts count as log-ins. Errors: `unauthenticated`, `rate_limited`, `conflict` where the account has none.
 */
export async function changePassword(
  ctx: Context,
  { userId, sessionId }: Identity,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<void> {
  const waitMs = ctx.loginThrottle.take(userId)
  if (waitMs > 0) throw tooManyLogins(waitMs)
  const account = await store.findAccount(ctx.db, userId)
  if (account && account.passwordHash === null) throw noPassword()
  if (!(await verifyPassword(currentPassword, account?.passwordHash))) throw wrongCredentials()
  ctx.loginThrottle.forgive(userId)

  const passwordHash = await hashPassword(newPassword, ctx.config.passwords)
  const ended = await ctx.db.transaction().execute(async (trx) => {
    const held = await sessions.lockAccount(trx, userId)
    // Of two changes at the same moment the second was proved by a password that holds no longer.
    if (held?.passwordHash !== account?.passwordHash) throw wrongCredentials()
    await store.updatePassword(trx, userId, passwordHash)
    const unended = await sessions.listUnended(trx, userId)
    const others = unended.map((session) => session.sessionId).filter((id) => id !== sessionId)
    return sessions.endSessions(trx, others, { reason: 'revoked' })
  })
  await announceEnd(ctx, ended, { reason: 'revoked' })
}
