import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { z } from 'zod'
import { AppError } from './errors.ts'
import { DeviceId, SessionId, UserId, uuidFrom } from './ids.ts'
import { clockToleranceSeconds, invalidToken, openOwnToken } from './own-token.ts'
import type { UserTokens } from './user-tokens.ts'

/** Who speaks: taken from a verified access token, never from a payload. */
export const Identity = z.object({
  userId: UserId,
  deviceId: DeviceId,
  sessionId: SessionId,
  platform: z.string(),
  /** When the access token ends. */
  expiresAt: z.date(),
  /** In a token of the operator's own back end: messages opens its session when it first sees it. Times in ms. */
  operatorToken: z
    .object({ issuedAt: z.int(), expiresAt: z.int(), displayName: z.string().optional() })
    .optional(),
})
export type Identity = z.output<typeof Identity>

const Claims = z.object({
  sub: UserId,
  did: DeviceId,
  sid: SessionId,
  plat: z.string().max(32),
  exp: z.number(),
})

const OperatorClaims = z.object({
  sub: UserId,
  did: DeviceId,
  plat: z.string().min(1).max(32).default('app'),
  name: z.string().trim().min(1).max(128).optional(),
  iat: z.number(),
  exp: z.number(),
})

export type VerifyToken = (token: string) => Promise<Identity>

/** The issuer's public keys, fetched when first needed and again when a token names an unknown one. */
export function remoteKeys(jwksUrl: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 3_000, cooldownDuration: 5_000 })
}

/**
 * Checks signature, algorithm, issuer, audience and expiry (RFC 8725). A token that names the operator's issuer is
 * checked by the operator's key and by nothing else; any other must be ours.
 */
export function createTokenVerifier(keys: JWTVerifyGetKey, userTokens?: UserTokens): VerifyToken {
  return async (token) => {
    // Ours are some 400 bytes; a longer one is not worth a signature check.
    if (token.length > 4_096) throw invalidToken()
    return userTokens && issuerOf(token) === userTokens.issuer
      ? readOperatorToken(token, userTokens)
      : readOwnToken(token, keys)
  }
}

async function readOwnToken(token: string, keys: JWTVerifyGetKey): Promise<Identity> {
  return explainFailure(async () => {
    const claims = Claims.parse(await openOwnToken(token, keys))
    return {
      userId: claims.sub,
      deviceId: claims.did,
      sessionId: claims.sid,
      platform: claims.plat,
      expiresAt: new Date(claims.exp * 1_000),
    }
  })
}

/** A device has one session, whichever of its tokens it shows, so a fresh token goes on with it. */
async function readOperatorToken(token: string, userTokens: UserTokens): Promise<Identity> {
  return explainFailure(async () => {
    const { issuer, audience, algorithms, maxTtlSeconds } = userTokens
    const options = { issuer, audience, algorithms, clockTolerance: clockToleranceSeconds }
    const { payload } = await verifyWith(userTokens.key, token, options)
    const { sub, did, plat, name, iat, exp } = OperatorClaims.parse(payload)
    if (exp - iat > maxTtlSeconds) throw new AppError('unauthenticated', 'access token lives too long')
    if (iat > Date.now() / 1_000 + clockToleranceSeconds) throw invalidToken()
    return {
      userId: sub,
      deviceId: did,
      sessionId: uuidFrom('operator token', sub, did) as SessionId,
      platform: plat,
      expiresAt: new Date(exp * 1_000),
      operatorToken: {
        issuedAt: iat * 1_000,
        expiresAt: exp * 1_000,
        ...(name === undefined ? {} : { displayName: name }),
      },
    }
  })
}

function verifyWith(
  key: UserTokens['key'],
  token: string,
  options: Parameters<typeof jwtVerify>[2],
): Promise<{ payload: JWTPayload }> {
  return typeof key === 'function' ? jwtVerify(token, key, options) : jwtVerify(token, key, options)
}

/** What a token says of its issuer, before anything of it is checked: it only chooses the key it must then pass. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

async function explainFailure<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    if (cause instanceof errors.JWTExpired)
      throw new AppError('token_expired', 'access token has expired', { cause })
    if (cause instanceof errors.JWKSTimeout || isNetworkFailure(cause)) {
      throw new AppError('unavailable', 'the keys that sign tokens cannot be fetched', {
        cause,
        retryAfterMs: 1_000,
      })
    }
    throw invalidToken(cause)
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
