import { z } from 'zod'
import type { Action } from '../action.ts'

export interface FcmRefusal {
  /** FCM's own code if it gave one, else the canonical status, else the HTTP status. */
  reason: string
  /** Whether `reason` is FCM's own code: only such a one speaks of the token. */
  own: boolean
  /** The request was refused because of the token's form. */
  aboutToken: boolean
}

/** Firebase, "ErrorCode" reference: the codes of `FcmError`. */
export const fcmActions: Readonly<Record<string, Action>> = {
  UNREGISTERED: { class: 'drop' },
  // The token belongs to another project, or our account does.
  SENDER_ID_MISMATCH: { class: 'drop', maybeOurs: true },
  INVALID_ARGUMENT: { class: 'stop' },
  // APNs or Web Push credentials at Firebase, for the tokens that need them; the others still work.
  THIRD_PARTY_AUTH_ERROR: { class: 'stop' },
  // "A minimum initial delay of one minute".
  QUOTA_EXCEEDED: { class: 'retry', afterMs: 60_000, pause: true },
  UNAVAILABLE: { class: 'retry' },
  INTERNAL: { class: 'retry' },
}

/** Without a code of FCM's own: the status speaks of the request or the project, and never condemns a token. */
export function fcmActionFor(status: number, { reason, own, aboutToken }: FcmRefusal): Action {
  if (aboutToken && status === 400) return { class: 'drop', maybeOurs: true }
  const known = own && Object.hasOwn(fcmActions, reason) ? fcmActions[reason] : undefined
  if (known) return known
  if (status === 401) return { class: 'renew', authorization: true }
  // A missing API, role or project stands in the way of every push.
  if (status === 403 || status === 404) return { class: 'stop', pause: true }
  if (status === 429) return { class: 'retry', afterMs: 60_000, pause: true }
  return status >= 500 ? { class: 'retry' } : { class: 'stop' }
}

const ErrorBody = z.object({
  error: z.object({
    status: z.string().max(100).default(''),
    message: z.string().default(''),
    details: z
      .array(
        z.object({
          '@type': z.string().default(''),
          errorCode: z.string().max(100).optional(),
          fieldViolations: z.array(z.object({ field: z.string().default('') })).default([]),
        }),
      )
      .default([]),
  }),
})

/** The body of a refusal. Google's front ends answer in HTML; then only the status is left. */
export function readFcmRefusal(status: number, body: string): FcmRefusal {
  const parsed = ErrorBody.safeParse(parse(body))
  if (!parsed.success) return { reason: `status-${status}`, own: false, aboutToken: false }
  const { details, message, status: canonical } = parsed.data.error
  const own = details.find((detail) => detail['@type'].endsWith('.FcmError'))?.errorCode
  const fields = details.flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field))
  return {
    reason: own ?? (canonical || `status-${status}`),
    own: own !== undefined,
    aboutToken: fields.includes('message.token') || message.includes('not a valid FCM registration token'),
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
