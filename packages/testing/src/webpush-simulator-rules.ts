import { createPublicKey, type KeyObject } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { errors, jwtVerify } from 'jose'
import type { PlainRequest } from './https-simulator.ts'

/** RFC 8292: signed ES256 with the key that is shown, for this push service, for at most a day. */
export async function checkVapid(
  { authorization = '' }: IncomingHttpHeaders,
  { audience, privateKey }: { audience: string; privateKey: KeyObject },
): Promise<{ status: number } | undefined> {
  const [, token, shown] = /^vapid t=([^,\s]+), ?k=([\w-]+)$/.exec(authorization) ?? []
  if (!token || !shown) return { status: 401 }
  const publicKey = createPublicKey(privateKey)
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  // The subscription is bound to the key it was made with.
  if (shown !== point.toString('base64url')) return { status: 403 }
  try {
    const { payload } = await jwtVerify(token, publicKey, { algorithms: ['ES256'], audience })
    const lifetime = (payload.exp ?? Number.POSITIVE_INFINITY) - Date.now() / 1_000
    return lifetime <= 86_400 && /^(mailto:|https:)/.test(payload.sub ?? '') ? undefined : { status: 403 }
  } catch (cause) {
    if (cause instanceof errors.JOSEError) return { status: 403 }
    throw cause
  }
}

const urgencies = new Set(['very-low', 'low', 'normal', 'high'])

/** RFC 8030, 5, and the 4096 bytes of RFC 8291, 4. */
export function checkPushHeaders({ method, headers, body }: PlainRequest): { status: number } | undefined {
  if (method !== 'POST') return { status: 405 }
  if (!/^\d{1,10}$/.test(headers['ttl']?.toString() ?? '')) return { status: 400 }
  if (!urgencies.has(headers['urgency']?.toString() ?? 'normal')) return { status: 400 }
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(headers['topic']?.toString() ?? 'x')) return { status: 400 }
  if (headers['content-encoding'] !== 'aes128gcm') return { status: 415 }
  return body.length > 4_096 ? { status: 413 } : undefined
}
