import { bearerToken, type Identity } from '@parley/shared/tokens'
import type { FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { sessionEnded } from '../errors.ts'
import { listAlive } from './store.ts'

/** Who asks over HTTP: a valid token whose session has not ended since it was issued, within the user's rate. */
export async function authenticate(
  { db, verifyToken, requestLimits }: Pick<Context, 'db' | 'verifyToken' | 'requestLimits'>,
  request: FastifyRequest,
): Promise<Identity> {
  const identity = await verifyToken(bearerToken(request.headers.authorization))
  requestLimits.take(identity.userId)
  const alive = await listAlive(db, [identity.sessionId])
  if (!alive.has(identity.sessionId)) throw sessionEnded()
  return identity
}
