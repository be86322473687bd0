import type { ConversationId, DeviceId } from '@parley/shared/ids'
import type { Alert, PushTarget, ReadMark } from '@parley/shared/rpc'

export type ProviderName = 'apns' | 'fcm'

interface PushBase {
  /** Stable for what it tells and the device, so that a repetition is recognised as one. */
  id: string
  deviceId: DeviceId
  token: PushTarget['token']
}

/** Tells of a message. */
export interface AlertPush extends PushBase {
  kind: 'alert'
  conversationId: ConversationId
  /** The user's total unread. */
  badge: number
  alert: Alert
}

/** Sets the badge and takes down alerts of what has been read or holds no longer, without disturbing anybody. */
export interface WithdrawalPush extends PushBase {
  kind: 'withdrawal'
  badge: number
  read: ReadMark[]
  /** Single messages. */
  gone: string[]
}

/** What a provider is asked to deliver. One file per provider turns each kind into its own format. */
export type Push = AlertPush | WithdrawalPush

/** What the provider made of a push. A refusal is a result, never an exception. */
export type Verdict =
  /** `providerId` is what the provider calls it, if it says. */
  | { result: 'accepted'; providerId?: string }
  /** The token is dead; one registered after `since` (ISO 8601) is another one. */
  | { result: 'dropped-token'; reason: string; since: string }
  /** Trying again as it is cannot help. */
  | { result: 'refused'; reason: string }
  /** Worth trying again, no sooner than after `afterMs` if that is given. `maybeShown`: it may have arrived. */
  | { result: 'retry'; reason: string; afterMs?: number; maybeShown?: true }

/** A way to reach a kind of token. Never rejects for a reason that lies with the provider. */
export interface PushProvider {
  readonly name: ProviderName
  send(push: Push): Promise<Verdict>
}

/** A provider nobody gave credentials for: it says so at once, and nothing is tried again. */
export function notConfigured(name: ProviderName): PushProvider {
  return { name, send: async () => ({ result: 'refused', reason: 'not-configured' }) }
}
