import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import { ConfigError, httpUrl, positiveInt } from './env.ts'

/** Access tokens that the operator's own back end issues (ADR 14): by a shared secret, a public key or a JWKS URL. */
export interface UserTokens {
  issuer: string
  audience: string
  key: KeyObject | JWTVerifyGetKey
  /** Those that fit the key and no others, so that a public key is never taken for a secret (RFC 8725, 3.1). */
  algorithms: string[]
  maxTtlSeconds: number
}

/** Part of the environment of every service that checks tokens. */
export const userTokenEnv = {
  USER_TOKEN_ISSUER: z.string().min(1).max(256).optional(),
  USER_TOKEN_AUDIENCE: z.string().min(1).max(256).default('parley'),
  USER_TOKEN_SECRET: z.string().min(32).optional(),
  USER_TOKEN_PUBLIC_KEY: z.string().includes('PUBLIC KEY', { error: 'a public key in PEM' }).optional(),
  USER_TOKEN_JWKS_URL: httpUrl.optional(),
  USER_TOKEN_MAX_TTL_SECONDS: positiveInt.default(86_400),
}

type UserTokenEnv = z.output<z.ZodObject<typeof userTokenEnv>>

const publicAlgorithms = ['EdDSA', 'ES256', 'ES384', 'RS256', 'PS256']

/** Undefined where no issuer is configured. Throws `ConfigError` unless exactly one kind of key comes with it. */
export function loadUserTokens(env: UserTokenEnv): UserTokens | undefined {
  const sources = [env.USER_TOKEN_SECRET, env.USER_TOKEN_PUBLIC_KEY, env.USER_TOKEN_JWKS_URL].filter(Boolean)
  if (env.USER_TOKEN_ISSUER === undefined && sources.length === 0) return undefined
  if (env.USER_TOKEN_ISSUER === undefined || sources.length !== 1 || env.USER_TOKEN_ISSUER === 'parley')
    throw new ConfigError(
      'configuration is wrong\n✖ USER_TOKEN_ISSUER, other than "parley", and one of USER_TOKEN_SECRET, USER_TOKEN_PUBLIC_KEY and USER_TOKEN_JWKS_URL belong together',
    )
  return {
    issuer: env.USER_TOKEN_ISSUER,
    audience: env.USER_TOKEN_AUDIENCE,
    ...loadKey(env),
    maxTtlSeconds: env.USER_TOKEN_MAX_TTL_SECONDS,
  }
}

function loadKey(env: UserTokenEnv): Pick<UserTokens, 'key' | 'algorithms'> {
  if (env.USER_TOKEN_SECRET !== undefined)
    return { key: createSecretKey(Buffer.from(env.USER_TOKEN_SECRET)), algorithms: ['HS256'] }
  if (env.USER_TOKEN_PUBLIC_KEY !== undefined) {
    const key = createPublicKey(env.USER_TOKEN_PUBLIC_KEY)
    return { key, algorithms: algorithmsOf(key) }
  }
  const url = new URL(env.USER_TOKEN_JWKS_URL ?? '')
  return {
    key: createRemoteJWKSet(url, { timeoutDuration: 3_000, cooldownDuration: 5_000 }),
    algorithms: publicAlgorithms,
  }
}

function algorithmsOf(key: KeyObject): string[] {
  const algorithms = algorithmsByKey[key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? '']
  if (algorithms) return algorithms
  throw new ConfigError(
    'configuration is wrong\n✖ USER_TOKEN_PUBLIC_KEY is neither Ed25519 nor P-256, P-384 or RSA',
  )
}

const algorithmsByKey: Record<string, string[]> = {
  ed25519: ['EdDSA'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  rsa: ['RS256', 'PS256'],
}
