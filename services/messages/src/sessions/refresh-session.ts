import type { SessionId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { refreshRefused } from '../errors.ts'
import { announceEnd } from './end-session.ts'
import { hashRefreshToken, issueTokens, newRefreshToken, type Tokens } from './issue-tokens.ts'
import { refreshExpiry } from './log-in.ts'
import * as store from './store.ts'

/**
 * Trades a refresh token for new tokens. The old one keeps working for a minute, for a client that missed the
 * reply; used later it is a stolen copy, and the session ends (RFC 9700, 4.14.2).
 */
export async function refreshSession(ctx: Context, refreshToken: string): Promise<Tokens> {
  const hash = hashRefreshToken(refreshToken)
  const next = newRefreshToken()
  const session = await ctx.db.transaction().execute(async (trx) => {
    const found = await store.lockByRefreshHash(trx, hash)
    if (found?.good) {
      await store.rotateRefreshHash(trx, found.sessionId, {
        from: hash,
        to: hashRefreshToken(next),
        expiresAt: refreshExpiry(ctx),
      })
    } else if (found?.reused) {
      await store.endSession(trx, found.sessionId)
    }
    return found
  })
  if (session?.reused) await announceEnd(ctx, [session.sessionId as SessionId], 'revoked')
  if (!session?.good) throw refreshRefused()
  return issueTokens(ctx, session, next)
}
