import { createHash, randomBytes, subtle } from 'node:crypto'
import { tokenAlgorithm, tokenAudience, tokenIssuer } from '@parley/shared/own-token'
import { SignJWT } from 'jose'
import type { Context } from '../context.ts'
import { issueLogoutTicket } from './logout-ticket.ts'

export interface Tokens {
  accessToken: string
  refreshToken: string
  /** Ends this session, at any later time. */
  logoutTicket: string
  /** When the access token ends, ISO 8601. */
  expiresAt: string
}

interface SessionOf {
  sessionId: string
  userId: string
  deviceId: string
  platform: string
}

export const newRefreshToken = () => randomBytes(32).toString('base64url')

/**
 * What a refresh token is traded for: the same whenever and on whichever instance it is asked for, and known to nobody
 * without our key. No token is signed like this: what a JWT signs has no colon. Ed25519 gives one signature for one text.
 */
export async function nextRefreshToken(
  { signingKey }: Pick<Context, 'signingKey'>,
  refreshToken: string,
): Promise<string> {
  const text = Buffer.from(`parley:refresh:${refreshToken}`)
  const signature = await subtle.sign('Ed25519', signingKey.privateKey, text)
  return createHash('sha256').update(Buffer.from(signature)).digest('base64url')
}

/** 256 random bits need no slow hash: nobody guesses them. */
export const hashRefreshToken = (token: string): Buffer => createHash('sha256').update(token).digest()

/** A short-lived JWT that every service checks by itself. */
export async function issueTokens(
  { config, signingKey }: Pick<Context, 'config' | 'signingKey'>,
  session: SessionOf,
  refreshToken: string,
): Promise<Tokens> {
  const expiresAt = Math.floor(Date.now() / 1_000) + config.tokens.accessTtlSeconds
  const accessToken = await new SignJWT({
    did: session.deviceId,
    sid: session.sessionId,
    plat: session.platform,
  })
    .setProtectedHeader({ alg: tokenAlgorithm, kid: signingKey.keyId, typ: 'JWT' })
    .setSubject(session.userId)
    .setIssuer(tokenIssuer)
    .setAudience(tokenAudience)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(signingKey.privateKey)
  const logoutTicket = await issueLogoutTicket({ signingKey }, session.sessionId)
  return { accessToken, refreshToken, logoutTicket, expiresAt: new Date(expiresAt * 1_000).toISOString() }
}
