import type { ConversationId, DeviceId } from '@parley/shared/ids'
import type { Delivery } from '@parley/shared/rpc'

export type ProviderName = 'apns' | 'fcm'

/** One alert for one device. */
export interface AlertPush {
  /** Stable for message and device, so that a repetition is recognised as one. */
  id: string
  conversationId: ConversationId
  deviceId: DeviceId
  token: Delivery['token']
  badge: number
  alert: Delivery['alerts'][number]
}

/** What the provider made of a push. A refusal is a result, never an exception. */
export type Verdict =
  | { result: 'accepted' }
  /** The token is dead; one registered after `since` (ISO 8601) is another one. */
  | { result: 'dropped-token'; reason: string; since: string }
  /** Trying again as it is cannot help. */
  | { result: 'refused'; reason: string }
  /** Worth trying again, no sooner than after `afterMs` if that is given. */
  | { result: 'retry'; reason: string; afterMs?: number }

/** A way to reach a kind of token. Never rejects for a reason that lies with the provider. */
export interface PushProvider {
  readonly name: ProviderName
  sendAlert(push: AlertPush): Promise<Verdict>
}

/** A provider nobody gave credentials for: it says so at once, and nothing is tried again. */
export function notConfigured(name: ProviderName): PushProvider {
  return { name, sendAlert: async () => ({ result: 'refused', reason: 'not-configured' }) }
}
