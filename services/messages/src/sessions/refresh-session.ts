import type { SessionId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { refreshRefused } from '../errors.ts'
import { announceEnd } from './end-session.ts'
import { hashRefreshToken, issueTokens, nextRefreshToken, type Tokens } from './issue-tokens.ts'
import { refreshExpiry } from './log-in.ts'
import { findEnded, refusalOf } from './standing.ts'
import * as store from './store.ts'

/**
 * Trades a refresh token for new tokens. The old one keeps working for a minute, for a client that missed the
 * reply, and gives the same refresh token, so that of several who ask with it none is left with a dead one; used
 * later it is a stolen copy, and the session ends (RFC 9700, 4.14.2). Errors: `unauthenticated`, `session_replaced`,
 * `account_suspended`.
 */
export async function refreshSession(ctx: Context, refreshToken: string): Promise<Tokens> {
  const hash = hashRefreshToken(refreshToken)
  const next = await nextRefreshToken(ctx, refreshToken)
  const nextHash = hashRefreshToken(next)
  const session = await ctx.db.transaction().execute(async (trx) => {
    const found = await store.lockByRefreshHash(trx, hash)
    if (found?.good && !found.refreshHash?.equals(nextHash)) {
      await store.rotateRefreshHash(trx, found.sessionId, {
        from: hash,
        to: nextHash,
        expiresAt: refreshExpiry(ctx),
      })
    } else if (found?.reused) {
      await store.endSessions(trx, [found.sessionId], { reason: 'revoked' })
    }
    return found
  })
  if (session?.good) return issueTokens(ctx, session, next)
  if (!session) throw refreshRefused()
  const sessionId = session.sessionId as SessionId
  if (session.reused) await announceEnd(ctx, [sessionId], { reason: 'revoked' })
  const [ended] = await findEnded(ctx, [sessionId])
  throw ended && ended.reason !== 'revoked' ? refusalOf(ended.reason) : refreshRefused()
}
