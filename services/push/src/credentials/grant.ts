import { AppError } from '@parley/shared/errors'
import { z } from 'zod'
import type { Http2Result } from '../http2/request.ts'
import type { Token } from './shared-token.ts'

const Grant = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() })

const tenMinutesMs = 10 * 60_000

/**
 * The access token an OAuth endpoint answered with (RFC 6749, 5.1), to be renewed ten minutes before its end. Throws
 * `unavailable` for everything else, without the body: it may say more of the account than a log should hold.
 */
export function readGrant(provider: string, answer: Http2Result, now: number = Date.now()): Token {
  if (answer.kind !== 'answered' || answer.status !== 200) {
    const why = answer.kind === 'answered' ? `status ${answer.status}` : answer.reason
    throw new AppError('unavailable', `no access token for ${provider}: ${why}`)
  }
  const { access_token: value, expires_in: seconds } = Grant.parse(JSON.parse(answer.body))
  const expiresAt = now + seconds * 1_000
  return { value, expiresAt, refreshAt: expiresAt - Math.min(tenMinutesMs, (seconds * 1_000) / 2) }
}
