import { bearerToken, type Identity } from '@parley/shared/tokens'
import type { FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { openOperatorSessions } from './operator-sessions.ts'
import { findEnded, refusalOf } from './standing.ts'

type AuthenticateContext = Pick<
  Context,
  'config' | 'db' | 'announcer' | 'log' | 'verifyToken' | 'requestLimits'
>

/**
 * Who asks over HTTP: a valid token whose session has not ended since it was issued, within the user's rate.
 * Errors: `unauthenticated`, `token_expired`, `session_replaced`, `account_suspended`, `rate_limited`.
 */
export async function authenticate(ctx: AuthenticateContext, request: FastifyRequest): Promise<Identity> {
  const identity = await ctx.verifyToken(bearerToken(request.headers.authorization))
  ctx.requestLimits.take(identity.userId)
  if (identity.operatorToken) {
    const caller = { ...identity, address: request.ip }
    const refusal = (await openOperatorSessions(ctx, [caller])).get(caller)
    if (refusal) throw refusal
  } else {
    const [ended] = await findEnded(ctx, [identity.sessionId])
    if (ended) throw refusalOf(ended.reason)
  }
  return identity
}
