import type { CallNotice } from '@parley/shared/call-notice'
import type { Alert, PushTarget, ReadMark } from '@parley/shared/delivery'
import type { ConversationId, DeviceId } from '@parley/shared/ids'

export const providerNames = ['apns', 'fcm', 'webpush', 'huawei'] as const
export type ProviderName = (typeof providerNames)[number]

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

/** Rings a device, or stops it ringing: of no use to anybody once the call has rung out. */
export interface CallPush extends PushBase {
  kind: 'call'
  action: 'ring' | 'stop'
  call: CallNotice
}

/** What a provider is asked to deliver. One file per provider turns each kind into its own format. */
export type Push = AlertPush | WithdrawalPush | CallPush

/** What the provider made of a push. A refusal is a result, never an exception. */
export type Verdict =
  /** `providerId` is what the provider calls it, if it says. */
  | { result: 'accepted'; providerId?: string }
  /** The token is dead; one registered after `since` (ISO 8601) is another one. */
  | { result: 'dropped-token'; reason: string; since: string }
  /** Trying again as it is cannot help. */
  | { result: 'refused'; reason: string }
  /**
   * Worth trying again, no sooner than after `afterMs` if that is given. `maybeShown`: it may have arrived. `untried`: the
   * provider was not asked, so this does not count as a try.
   */
  | { result: 'retry'; reason: string; afterMs?: number; maybeShown?: true; untried?: true }

/** Whether its provider was not even asked. */
export const isUntried = (verdict: Verdict): boolean => verdict.result === 'retry' && verdict.untried === true

/** What happened on the way of a push, for an operator who wants to see it. */
export type TraceStep =
  | { step: 'credentials'; set: string }
  | { step: 'answered'; status: number; reason?: string; action?: string; providerId?: string | undefined }
  | { step: 'unanswered'; kind: 'unsent' | 'unknown'; reason: string }

/** Never rejects for a reason that lies with the provider. */
export type SendPush = (push: Push, trace?: (step: TraceStep) => void) => Promise<Verdict>

/** A way to reach a kind of token. */
export interface PushProvider {
  /** `unknown`: the kind is of a later release than this worker. */
  readonly name: ProviderName | 'unknown'
  send: SendPush
}
