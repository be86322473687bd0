import { bearerToken, type Identity } from '@parley/shared/tokens'
import type { FastifyRequest } from 'fastify'
import type { Context } from './context.ts'
import { sessionEnded } from './errors.ts'

/** Who asks: a valid access token of a session that is still alive. */
export async function authenticate(
  { verifyToken, sessions, messages }: Pick<Context, 'verifyToken' | 'sessions' | 'messages'>,
  request: FastifyRequest,
): Promise<Identity> {
  const identity = await verifyToken(bearerToken(request.headers.authorization))
  // The operator's own tokens name sessions that messages opens when it first hears of them.
  if (identity.operatorToken) await messages.openSession(identity)
  else if (await sessions.hasEnded(identity.sessionId)) throw sessionEnded()
  return identity
}
