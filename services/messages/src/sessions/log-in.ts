import { randomUUID } from 'node:crypto'
import type { DeviceId, UserId } from '@parley/shared/ids'
import { verifyPassword } from '../accounts/passwords.ts'
import { findAccount } from '../accounts/store.ts'
import type { Context } from '../context.ts'
import { accountSuspended, tooManyLogins, wrongCredentials } from '../errors.ts'
import { announceReplaced, displace } from './displace.ts'
import { hashRefreshToken, issueTokens, newRefreshToken, type Tokens } from './issue-tokens.ts'
import * as store from './store.ts'

export interface Credentials {
  userId: UserId
  password: string
  device: { id: DeviceId; platform: string }
  /** Where the request came from. */
  address: string
}

/**
 * Opens a session on a device; the one the device had before ends, and those that the policy displaces. A wrong
 * password and an unknown user get the same answer after the same work. Errors: `unauthenticated`,
 * `account_suspended` (only with the right password), `rate_limited`.
 */
export async function logIn(
  ctx: Context,
  { userId, password, device, address }: Credentials,
): Promise<Tokens> {
  ctx.addressLimits.logIns.take(address)
  const waitMs = ctx.loginThrottle.take(userId)
  if (waitMs > 0) throw tooManyLogins(waitMs)
  const account = await findAccount(ctx.db, userId)
  if (!(await verifyPassword(password, account?.passwordHash)) || !account) throw wrongCredentials()
  ctx.loginThrottle.forgive(userId)

  const refreshToken = newRefreshToken()
  const session = {
    sessionId: randomUUID(),
    userId: account.userId,
    deviceId: device.id,
    platform: device.platform,
    address,
    refreshHash: hashRefreshToken(refreshToken),
    expiresAt: refreshExpiry(ctx),
  }
  const replaced = await ctx.db.transaction().execute(async (trx) => {
    const held = await store.lockAccount(trx, session.userId)
    // The password may have changed while this one was being checked.
    if (held?.passwordHash !== account.passwordHash) throw wrongCredentials()
    if (held.suspendedAt) throw accountSuspended()
    await store.upsertDevice(trx, session)
    await store.insertSession(trx, session)
    return displace(trx, ctx.config.sessions.policy, session)
  })
  await announceReplaced(ctx, replaced, session)
  return issueTokens(ctx, session, refreshToken)
}

export function refreshExpiry({ config }: Pick<Context, 'config'>): Date {
  return new Date(Date.now() + config.tokens.refreshTtlDays * 86_400_000)
}
