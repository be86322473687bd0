import type { IncomingHttpHeaders } from 'node:http2'

/** A push as a provider's simulator received it. */
export interface ReceivedPush {
  provider: 'apns' | 'fcm' | 'webpush' | 'huawei'
  /** ISO 8601. */
  at: string
  token: string
  status: number
  /** The provider's word for a refusal. */
  reason?: string
  /** Whether the answer was sent; a fault may have lost it. */
  answered: boolean
  headers: Record<string, string>
  payload: unknown
  connection: number
}

/** The newest pushes up to `keep`, oldest first. */
export function createPushLog(keep: number) {
  let pushes: ReceivedPush[] = []
  return {
    add(push: ReceivedPush): void {
      pushes.push(push)
      // Trimmed in strides, so that a full log does not move its whole length for each push.
      if (pushes.length >= keep * 2) pushes = pushes.slice(-keep)
    },
    list: (): ReceivedPush[] => pushes.slice(-keep),
  }
}

/** Plain headers without what authorises: a page of received pushes must not hand out credentials. */
export function shownHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name === 'authorization' || value === undefined ? [] : [[name, String(value)]],
    ),
  )
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
