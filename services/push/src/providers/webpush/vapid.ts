import { createPublicKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'

interface VapidOptions {
  /** `mailto:` or `https:`. */
  subject: string
  privateKey: KeyObject
  minted: () => void
}

const lifetimeSeconds = 12 * 60 * 60
const renewedBeforeSeconds = 60 * 60
// Browsers come with a handful of push services.
const maxOrigins = 256

/**
 * The `Authorization` that says who sends (RFC 8292): a token per push service, for at most 24 hours, so one of
 * 12 serves for 11. Each worker signs its own; nobody counts them.
 */
export function createVapid({ subject, privateKey, minted }: VapidOptions) {
  const key = publicKeyOf(privateKey)
  const tokens = new Map<string, { value: Promise<string>; until: number }>()

  async function sign(audience: string, now: number): Promise<string> {
    minted()
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .setAudience(audience)
      .setSubject(subject)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(privateKey)
    return `vapid t=${token}, k=${key}`
  }

  return {
    authorizationFor(endpoint: string): Promise<string> {
      const { origin } = new URL(endpoint)
      const now = Math.floor(Date.now() / 1_000)
      const known = tokens.get(origin)
      if (known && now < known.until) return known.value
      const [oldest] = tokens.keys()
      if (tokens.size >= maxOrigins && oldest !== undefined) tokens.delete(oldest)
      const value = sign(origin, now)
      tokens.set(origin, { value, until: now + lifetimeSeconds - renewedBeforeSeconds })
      return value
    },
  }
}

/** The key as browsers take it for `applicationServerKey`: an uncompressed point in base64url. */
export function publicKeyOf(privateKey: KeyObject): string {
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return Buffer.concat(point).toString('base64url')
}
