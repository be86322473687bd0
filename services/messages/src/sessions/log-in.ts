import { randomUUID } from 'node:crypto'
import type { DeviceId, SessionId, UserId } from '@parley/shared/ids'
import { verifyPassword } from '../accounts/passwords.ts'
import { findAccount } from '../accounts/store.ts'
import type { Context } from '../context.ts'
import { tooManyLogins, wrongCredentials } from '../errors.ts'
import { announceEnd } from './end-session.ts'
import { hashRefreshToken, issueTokens, newRefreshToken, type Tokens } from './issue-tokens.ts'
import * as store from './store.ts'

export interface Credentials {
  userId: UserId
  password: string
  device: { id: DeviceId; platform: string }
}

/**
 * Opens a session on a device; the one the device had before ends. A wrong password and an unknown user get
 * the same answer after the same work.
 */
export async function logIn(ctx: Context, { userId, password, device }: Credentials): Promise<Tokens> {
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
    refreshHash: hashRefreshToken(refreshToken),
    expiresAt: refreshExpiry(ctx),
  }
  const replaced = await ctx.db.transaction().execute(async (trx) => {
    await store.upsertDevice(trx, session)
    const ended = await store.endSessionsOfDevice(trx, session.userId, session.deviceId)
    await store.insertSession(trx, session)
    return ended
  })
  await announceEnd(ctx, replaced as SessionId[], 'replaced')
  return issueTokens(ctx, session, refreshToken)
}

export function refreshExpiry({ config }: Pick<Context, 'config'>): Date {
  return new Date(Date.now() + config.tokens.refreshTtlDays * 86_400_000)
}
