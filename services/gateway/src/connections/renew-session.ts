import type { ClientReply, ClientRequest } from '@parley/shared/protocol'
import type { Context } from '../context.ts'
import { tokenOfAnother } from '../errors.ts'
import type { ChatSocket } from '../realtime.ts'
import type { EndedSessions } from './ended-sessions.ts'

type RenewalContext = Pick<Context, 'verifyToken' | 'messages' | 'registry'> & {
  endedSessions: Pick<EndedSessions, 'checkNewcomer'>
}

/**
 * Goes on with a fresh token on the same socket, once messages has said that its session lives. Errors:
 * `unauthenticated`, `token_expired`, `session_replaced`, `account_suspended`, `forbidden` for a token of somebody else.
 */
export async function renewSession(
  { verifyToken, messages, registry, endedSessions }: RenewalContext,
  socket: ChatSocket,
  { token }: ClientRequest<'session:renew'>,
): Promise<ClientReply<'session:renew'>> {
  const identity = await verifyToken(token)
  const { userId, deviceId } = socket.data.identity
  if (identity.userId !== userId || identity.deviceId !== deviceId) throw tokenOfAnother()
  const askedAt = performance.now()
  await messages.openSession(identity)
  socket.data.askedAt = askedAt
  registry.renew(socket, identity)
  endedSessions.checkNewcomer(socket)
  return { expiresAt: identity.expiresAt.toISOString() }
}
