import { createHash } from 'node:crypto'

/** What the log shows of a token: enough to tell two apart, useless to send with. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12)
}
