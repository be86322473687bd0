import { SessionId } from '@parley/shared/ids'
import { tokenAlgorithm, tokenIssuer } from '@parley/shared/own-token'
import { jwtVerify, SignJWT } from 'jose'
import type { Context } from '../context.ts'
import { badLogoutTicket } from '../errors.ts'
import { logOut } from './end-session.ts'

/** Not the audience of access tokens, so that neither passes for the other. */
const ticketAudience = 'parley:logout'

/**
 * What ends a session and nothing else, at any later time: an app that logs out without a network keeps it and
 * hands it in when it can, long after its access token ended.
 */
export async function issueLogoutTicket(
  { signingKey }: Pick<Context, 'signingKey'>,
  sessionId: string,
): Promise<string> {
  return new SignJWT({ sid: sessionId })
    .setProtectedHeader({ alg: tokenAlgorithm, kid: signingKey.keyId, typ: 'logout+jwt' })
    .setIssuer(tokenIssuer)
    .setAudience(ticketAudience)
    .sign(signingKey.privateKey)
}

/** Logging out twice is logging out once. Error: `unauthenticated` for what is no ticket of ours. */
export async function logOutByTicket(
  ctx: Pick<Context, 'db' | 'announcer' | 'log' | 'signingKey'>,
  ticket: string,
): Promise<void> {
  const { payload } = await jwtVerify(ticket, ctx.signingKey.publicKey, {
    issuer: tokenIssuer,
    audience: ticketAudience,
    algorithms: [tokenAlgorithm],
    typ: 'logout+jwt',
  }).catch(() => {
    throw badLogoutTicket()
  })
  await logOut(ctx, { sessionId: SessionId.parse(payload['sid']) })
}
