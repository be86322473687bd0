import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { ConfigError } from '@parley/shared/env'
import { z } from 'zod'
import { badApiKey } from '../errors.ts'
import { Scope } from './scopes.ts'

const KeyId = z.string().regex(/^[a-z0-9-]{1,32}$/, 'lower case letters, digits and -, at most 32')

/** A key as the configuration names it: never the key, only its hash. */
const ApiKey = z.strictObject({
  id: KeyId,
  /** SHA-256 of the whole key, in hex. Enough for 256 random bits; slow hashes are for what people think up. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(Scope).min(1),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
})
type ApiKey = z.output<typeof ApiKey>

const ApiKeys = z
  .array(ApiKey)
  .max(50)
  .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'two keys have the same id')

/** The keys of `SERVER_API_KEYS`, a JSON array. Throws `ConfigError`, which says what is wrong and not what was given. */
export function loadApiKeys(text: string | undefined): ApiKey[] {
  if (text === undefined) return []
  const parsed = ApiKeys.safeParse(parseJson(text))
  if (!parsed.success) throw new ConfigError(`SERVER_API_KEYS is wrong\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export interface KnownKey {
  id: string
  scopes: ReadonlySet<Scope>
}

const shape = /^parley_sk_([a-z0-9-]{1,32})_[A-Za-z0-9_-]{43}$/
const nothing = Buffer.alloc(32)

/** Finds the key somebody shows. It is looked up by the id in it and compared by hash, in constant time. */
export function createKeyCheck(keys: ApiKey[]) {
  const known = new Map(
    keys.map(({ id, sha256, scopes, expiresAt }) => [
      id,
      {
        hash: Buffer.from(sha256, 'hex'),
        until: expiresAt === undefined ? Infinity : Date.parse(expiresAt),
        key: { id, scopes: new Set(scopes) } satisfies KnownKey,
      },
    ]),
  )
  /** Error: `unauthenticated`, whatever is wrong with it. */
  return (shown: string): KnownKey => {
    const id = shape.exec(shown)?.[1]
    const found = id === undefined ? undefined : known.get(id)
    const isRight = timingSafeEqual(hashOf(shown), found?.hash ?? nothing)
    if (!found || !isRight || Date.now() >= found.until) throw badApiKey()
    return found.key
  }
}

/** A key nobody has yet, and what the configuration is to say of it. */
export function makeApiKey(id: string, scopes: Scope[]): { key: string; entry: ApiKey } {
  const key = `parley_sk_${KeyId.parse(id)}_${randomBytes(32).toString('base64url')}`
  return { key, entry: { id, sha256: hashOf(key).toString('hex'), scopes } }
}

const hashOf = (key: string) => createHash('sha256').update(key).digest()
