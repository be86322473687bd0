import { createHmac } from 'node:crypto'

interface Signed {
  id: string
  /** Seconds since 1970. */
  timestamp: number
  body: string
}

/** One signature for each secret (standardwebhooks.com, "Signature scheme"): HMAC-SHA256 of id, time and body. */
export function sign(secrets: string[], { id, timestamp, body }: Signed): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
    })
    .join(' ')
}
