/**
 * What to do about an answer of APNs.
 * `drop`: the token is dead. `retry`: later, on a new connection if so marked. `renew`: at once, with a new
 * provider token and connection. `stop`: our configuration or our mistake; nothing is tried again.
 */
export type ApnsAction =
  | { class: 'drop' }
  | { class: 'retry'; newConnection?: true; afterMs?: number; pause?: true }
  | { class: 'renew'; token: boolean }
  | { class: 'stop'; pause?: true }

const drop = { class: 'drop' } as const
const stop = { class: 'stop' } as const
// Credentials are refused as a whole, so the next push would be too.
const stopAll = { class: 'stop', pause: true } as const

const minute = 60_000

/**
 * Apple, "Handling notification responses from APNs", table of reasons. Topic and token come from the app's
 * registration, so a reason about them never pauses what others send.
 */
export const apnsActions: Readonly<Record<string, ApnsAction>> = {
  BadDeviceToken: drop,
  DeviceTokenNotForTopic: drop,
  Unregistered: drop,
  ExpiredToken: drop,

  BadCollapseId: stop,
  BadExpirationDate: stop,
  BadMessageId: stop,
  BadPriority: stop,
  BadTopic: stop,
  DuplicateHeaders: stop,
  InvalidPushType: stop,
  MissingDeviceToken: stop,
  MissingTopic: stop,
  PayloadEmpty: stop,
  PayloadTooLarge: stop,
  TopicDisallowed: stop,
  BadPath: stop,
  MethodNotAllowed: stop,

  BadCertificate: stopAll,
  BadCertificateEnvironment: stopAll,
  BadEnvironmentKeyIdInToken: stopAll,
  // The spelling that is seen from the live service.
  BadEnvironmentKeyInToken: stopAll,
  Forbidden: stopAll,
  InvalidProviderToken: stopAll,
  MissingProviderToken: stopAll,

  ExpiredProviderToken: { class: 'renew', token: true },
  UnrelatedKeyIdInToken: { class: 'renew', token: false },
  IdleTimeout: { class: 'renew', token: false },

  // The same device is sent too much.
  TooManyRequests: { class: 'retry', afterMs: minute },
  // Apple wants at least 20 minutes between two tokens.
  TooManyProviderTokenUpdates: { class: 'retry', afterMs: 20 * minute, pause: true },
  InternalServerError: { class: 'retry' },
  ServiceUnavailable: { class: 'retry', newConnection: true },
  Shutdown: { class: 'retry', newConnection: true },
}

/** A reason that Apple may add one day is judged by its status: 429 and 5xx pass, the others are ours. */
export function apnsActionFor(status: number, reason: string): ApnsAction {
  const known = Object.hasOwn(apnsActions, reason) ? apnsActions[reason] : undefined
  if (known) return known
  if (status === 410) return drop
  if (status === 429) return { class: 'retry', afterMs: minute }
  if (status >= 500) return { class: 'retry', newConnection: true }
  return status === 403 ? stopAll : stop
}
