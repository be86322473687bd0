import { KeyObject, verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import { AppError } from './errors.ts'

export const tokenIssuer = 'parley'
export const tokenAudience = 'parley'
export const tokenAlgorithm = 'EdDSA'
/** A clock may be off by so much. */
export const clockToleranceSeconds = 30

/** The compact form of RFC 7515 (7.1), with a signature of 64 bytes. */
const compact = /^([\w-]+)\.([\w-]+)\.([\w-]{86})$/

/** No algorithm but ours (RFC 8725, 3.1), and nothing that must be understood and is not (RFC 7515, 4.1.11). */
const Header = z.object({
  alg: z.literal(tokenAlgorithm),
  kid: z.string().optional(),
  crit: z.undefined().optional(),
})

const Lifetime = z.object({
  iss: z.literal(tokenIssuer),
  aud: z.literal(tokenAudience),
  exp: z.number(),
  nbf: z.number().optional(),
})

const verifySignature = promisify(verify)
const keyObjects = new WeakMap<object, KeyObject>()

/**
 * The claims of one of our own access tokens, once its signature, algorithm, issuer, audience and times are checked. Written
 * here, and not left to jose as everything about other people's tokens is, because thousands come at once when a gateway is
 * lost: through WebCrypto a check keeps the event loop busy for three times as long. Errors: `unauthenticated`,
 * `token_expired`, and those of the keys.
 */
export async function openOwnToken(token: string, keys: JWTVerifyGetKey): Promise<JWTPayload> {
  const [, protectedHeader = '', payload = '', signature = ''] = compact.exec(token) ?? []
  const header = Header.safeParse(parseJson(protectedHeader))
  if (!header.success) throw invalidToken(header.error)
  const { alg, kid } = header.data
  const key = keyObjectOf(
    await keys(
      { alg, ...(kid === undefined ? {} : { kid }) },
      { protected: protectedHeader, payload, signature },
    ),
  )
  if (key.asymmetricKeyType !== 'ed25519') throw invalidToken()
  const signed = Buffer.from(`${protectedHeader}.${payload}`)
  if (!(await verifySignature(null, signed, key, Buffer.from(signature, 'base64url')))) throw invalidToken()

  const claims = parseJson(payload)
  const lifetime = Lifetime.safeParse(claims)
  if (!lifetime.success) throw invalidToken(lifetime.error)
  const now = Math.floor(Date.now() / 1_000)
  if (lifetime.data.exp <= now - clockToleranceSeconds)
    throw new AppError('token_expired', 'access token has expired')
  if ((lifetime.data.nbf ?? 0) > now + clockToleranceSeconds) throw invalidToken()
  return claims as JWTPayload
}

export const invalidToken = (cause?: unknown) =>
  new AppError('unauthenticated', 'access token is not valid', { cause })

type Key = Awaited<ReturnType<JWTVerifyGetKey>>

function keyObjectOf(key: Key): KeyObject {
  if (key instanceof KeyObject) return key
  const known = keyObjects.get(key)
  if (known) return known
  if (!(key instanceof CryptoKey)) throw invalidToken()
  const made = KeyObject.from(key as never)
  keyObjects.set(key, made)
  return made
}

function parseJson(base64url: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64url, 'base64url').toString())
  } catch {
    return undefined
  }
}
