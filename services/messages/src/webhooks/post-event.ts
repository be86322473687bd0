import { PrivateAddressError } from '@parley/shared/address-guard'
import { type Agent, request } from 'undici'
import { discard } from './discard.ts'
import type { Endpoint } from './endpoints.ts'
import { sign } from './signature.ts'

export type PostResult =
  | { delivered: true }
  | { delivered: false; failure: string; gone?: boolean; retryAfter?: string }

/** Posts an event once. Whatever goes wrong is a result; a redirect is not followed, for it may lead anywhere. */
export async function postEvent(
  agent: Agent,
  { url, secrets }: Endpoint,
  { id, body, timeoutMs }: { id: string; body: string; timeoutMs: number },
): Promise<PostResult> {
  const timestamp = Math.floor(Date.now() / 1_000)
  try {
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(url, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Parley-Webhooks',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': sign(secrets, { id, timestamp, body }),
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    })
    await discard(answer)
    if (statusCode >= 200 && statusCode < 300) return { delivered: true }
    const retryAfter = headers['retry-after']
    return {
      delivered: false,
      failure: `answered ${statusCode}`,
      gone: statusCode === 410,
      ...(typeof retryAfter === 'string' ? { retryAfter } : {}),
    }
  } catch (err) {
    return { delivered: false, failure: failureOf(err) }
  }
}

/** Only what is safe to keep and show: an error's own words may hold addresses. */
function failureOf(err: unknown): string {
  if (err instanceof PrivateAddressError) return 'private address'
  if (!(err instanceof Error)) return 'failed'
  if (err.cause instanceof PrivateAddressError) return 'private address'
  const { code } = err as { code?: unknown }
  return typeof code === 'string' ? code : err.name
}
