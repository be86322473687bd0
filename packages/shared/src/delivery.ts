import type { ConversationId, DeviceId, UserId } from './ids.ts'
import type { PushTokenKind } from './protocol.ts'

export interface DueQuery {
  conversationId: ConversationId
  firstSeq: number
  lastSeq: number
  userIds: UserId[]
  /** The job that asks: the right to alert with sound is given to one. */
  claim: string
}

export interface AgainQuery {
  conversationId: ConversationId
  seq: number
  userId: UserId
  deviceId: DeviceId
}

export interface DueDevices {
  /** Each once, however many are told of it in these words. */
  alerts: Alert[]
  /** A user's devices stand together, the one in use last first. */
  deliveries: DueDevice[]
}

export interface DueReply extends DueDevices {
  /** Users with further entries up to `lastSeq`; asked again once these are told, they come next. */
  more: UserId[]
  /** The moment it was true for, to be handed back with the report. */
  asOf: string
}

/** Where a device can be reached. */
export interface PushTarget {
  userId: UserId
  deviceId: DeviceId
  platform: string
  token: {
    kind: PushTokenKind
    value: string
    topic?: string
    environment: 'sandbox' | 'production'
    /** Of a Web Push subscription, in base64url: what payloads are encrypted to. */
    keys?: { p256dh: string; auth: string }
    updatedAt: string
  }
  /** The user's total unread. */
  badge: number
}

/** One device that is still to be told. */
export interface DueDevice extends PushTarget {
  /** Their places in `alerts` of the reply, oldest first. */
  alerts: number[]
  /** The job that asks had the right to sound for these before. Whether it used it, its ledger knows; if that does not, it may have. */
  again?: true
}

export interface Alert {
  messageId: string
  seq: number
  title: string
  body: string
  sentAt: string
  /** Whether the user may be disturbed: on one device, and only by one job. */
  audible: boolean
}

export interface PushReport {
  conversationId: ConversationId
  /** Of the reply these outcomes are about. */
  asOf: string
  /** All of a user's outcomes together. */
  outcomes: PushOutcome[]
}

export interface PushOutcome {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  seq: number
  /** `retry` is still open; the others are final. */
  result: 'accepted' | 'dropped-token' | 'refused' | 'retry'
  reason?: string
  /** With `dropped-token`: the token that is dead, and since when, so that a newer registration survives. */
  deadToken?: { value: string; since?: string }
  /** Present if the provider was asked just now, and not before. */
  attempt?: { audible: boolean; badge: number; providerId?: string }
}

export interface DeadToken {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  value: string
  /** ISO 8601. */
  since: string
}

/** One device whose alerts or badge are out of date. */
export interface Withdrawal extends PushTarget {
  /** Alerts up to here are to be taken down: they were read, or their conversation was left. */
  read: ReadMark[]
  /** Single messages whose alerts are to be taken down: they were recalled, hidden or read by themselves. */
  gone: string[]
  /** To be handed back with the report. */
  asOf: string
}

export interface ReadMark {
  conversationId: string
  seq: number
}

export interface WithdrawalOutcome {
  userId: UserId
  deviceId: DeviceId
  kind: PushTokenKind
  read: ReadMark[]
  gone?: string[]
  asOf?: string
  badge: number
  result: PushOutcome['result']
  deadToken?: PushOutcome['deadToken']
}

/** One device that is still to be told, and everything its alerts say. */
export type Delivery = Omit<DueDevice, 'alerts'> & {
  /** Oldest first. */
  alerts: Alert[]
}

/** Gives each device its alerts, which many have in common. */
export function deliveriesOf({ alerts, deliveries }: DueDevices): Delivery[] {
  return deliveries.map((device) => ({
    ...device,
    alerts: device.alerts.flatMap((place) => alerts[place] ?? []),
  }))
}
