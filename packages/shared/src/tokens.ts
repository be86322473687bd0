import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { z } from 'zod'
import { AppError } from './errors.ts'
import { DeviceId, SessionId, UserId } from './ids.ts'

export const tokenIssuer = 'parley'
export const tokenAudience = 'parley'
export const tokenAlgorithm = 'EdDSA'

/** Who speaks: taken from a verified access token, never from a payload. */
export const Identity = z.object({
  userId: UserId,
  deviceId: DeviceId,
  sessionId: SessionId,
  platform: z.string(),
  /** When the access token ends. */
  expiresAt: z.date(),
})
export type Identity = z.output<typeof Identity>

const Claims = z.object({
  sub: UserId,
  did: DeviceId,
  sid: SessionId,
  plat: z.string().max(32),
  exp: z.number(),
})

export type VerifyToken = (token: string) => Promise<Identity>

/** The issuer's public keys, fetched when first needed and again when a token names an unknown one. */
export function remoteKeys(jwksUrl: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000, cooldownDuration: 5_000 })
}

/** Checks signature, algorithm, issuer, audience and expiry (RFC 8725). A clock may be 30 s off. */
export function createTokenVerifier(keys: JWTVerifyGetKey): VerifyToken {
  return async (token) => {
    // Ours are some 400 bytes; a longer one is not worth a signature check.
    if (token.length > 4_096) throw new AppError('unauthenticated', 'access token is not valid')
    const claims = await readClaims(token, keys)
    return {
      userId: claims.sub,
      deviceId: claims.did,
      sessionId: claims.sid,
      platform: claims.plat,
      expiresAt: new Date(claims.exp * 1_000),
    }
  }
}

async function readClaims(token: string, keys: JWTVerifyGetKey) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: tokenIssuer,
      audience: tokenAudience,
      algorithms: [tokenAlgorithm],
      clockTolerance: 30,
    })
    return Claims.parse(payload)
  } catch (cause) {
    if (cause instanceof errors.JWTExpired)
      throw new AppError('token_expired', 'access token has expired', { cause })
    if (cause instanceof errors.JWKSTimeout || isNetworkFailure(cause)) {
      throw new AppError('unavailable', 'the keys that sign tokens cannot be fetched', {
        cause,
        retryAfterMs: 1_000,
      })
    }
    throw new AppError('unauthenticated', 'access token is not valid', { cause })
  }
}

function isNetworkFailure(cause: unknown): boolean {
  if (cause instanceof z.ZodError) return false
  // jose reports an answer other than 200 from the key endpoint with its base class.
  return !(cause instanceof errors.JOSEError) || cause.code === 'ERR_JOSE_GENERIC'
}

/** The token of an `Authorization: Bearer` header (RFC 6750). */
export function bearerToken(header: string | undefined): string {
  const [scheme, token] = header?.split(' ') ?? []
  if (scheme?.toLowerCase() !== 'bearer' || !token)
    throw new AppError('unauthenticated', 'an access token is required')
  return token
}
