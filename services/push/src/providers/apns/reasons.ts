import type { Action } from '../action.ts'

const drop = { class: 'drop' } as const
// A topic or environment that we have wrong makes Apple say this of every token.
const dropIfFew = { class: 'drop', maybeOurs: true } as const
const stop = { class: 'stop' } as const
// Credentials are refused as a whole, so the next push would be too.
const stopAll = { class: 'stop', pause: true } as const

const minute = 60_000

/**
 * Apple, "Handling notification responses from APNs", table of reasons. Topic and token come from the app's
 * registration, so a reason about them never pauses what others send.
 */
export const apnsActions: Readonly<Record<string, Action>> = {
  BadDeviceToken: dropIfFew,
  DeviceTokenNotForTopic: dropIfFew,
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

  // APNs goes on judging a connection by the token it was opened with.
  ExpiredProviderToken: { class: 'renew', authorization: true, newConnection: true },
  UnrelatedKeyIdInToken: { class: 'renew', newConnection: true },
  IdleTimeout: { class: 'renew', newConnection: true },

  // The same device is sent too much.
  TooManyRequests: { class: 'retry', afterMs: minute },
  // Apple wants at least 20 minutes between two tokens.
  TooManyProviderTokenUpdates: { class: 'retry', afterMs: 20 * minute, pause: true },
  InternalServerError: { class: 'retry' },
  ServiceUnavailable: { class: 'retry', newConnection: true },
  Shutdown: { class: 'retry', newConnection: true },
}

/** A reason that Apple may add one day is judged by its status: 429 and 5xx pass, the others are ours. */
export function apnsActionFor(status: number, reason: string): Action {
  const known = Object.hasOwn(apnsActions, reason) ? apnsActions[reason] : undefined
  if (known) return known
  if (status === 410) return drop
  if (status === 429) return { class: 'retry', afterMs: minute }
  if (status >= 500) return { class: 'retry', newConnection: true }
  return status === 403 ? stopAll : stop
}
