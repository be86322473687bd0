import type { PushTokenKind } from '@parley/shared/protocol'
import type { ColumnType, Generated, Selectable } from 'kysely'
import type { MessagesFrom } from '../contacts/bars.ts'
import type { Relation } from '../contacts/relation.ts'

export interface Database {
  account: AccountTable
  device: DeviceTable
  session: SessionTable
  pushToken: PushTokenTable
  notificationPreference: NotificationPreferenceTable
  pushAttempt: PushAttemptTable
  conversation: ConversationTable
  member: MemberTable
  entry: EntryTable
  mediaReference: MediaReferenceTable
  contact: ContactTable
  profileChange: ProfileChangeTable
  dispatch: DispatchTable
  logEpoch: { epoch: string }
}

interface AccountTable {
  userId: string
  /** Null where the operator's own back end says who somebody is. */
  passwordHash: string | null
  displayName: string | null
  /** A media id or an address. */
  avatar: string | null
  /** Whether the directory finds this account. */
  discoverable: Generated<boolean>
  /** From whom it takes direct messages, if it says so itself. */
  messagesFrom: MessagesFrom | null
  createdAt: Generated<Date>
  suspendedAt: Date | null
  suspensionReason: string | null
}

interface DeviceTable {
  userId: string
  deviceId: string
  platform: string
  lastSeenAt: Generated<Date>
}

export type SessionEnd = 'revoked' | 'replaced' | 'suspended'

interface SessionTable {
  sessionId: string
  userId: string
  deviceId: string
  platform: string
  /** The address it was opened from. */
  address: string | null
  /** Null in a session of the operator's own tokens. */
  refreshHash: Buffer | null
  /** The token before the last rotation, good for a short while in case the reply was lost. */
  previousHash: Buffer | null
  rotatedAt: Generated<Date>
  expiresAt: Date
  createdAt: Generated<Date>
  endedAt: Date | null
  endReason: SessionEnd | null
  /** The session that replaced it. */
  endedBy: string | null
  /** Tokens of the operator's back end that were issued up to here hold no longer. */
  tokensFrom: Date | null
}

interface PushTokenTable {
  userId: string
  deviceId: string
  kind: PushTokenKind
  token: string
  topic: string | null
  environment: 'sandbox' | 'production'
  updatedAt: Generated<Date>
  /** BCP 47. */
  locale: string | null
  /** What the app's icon was told last; null before the first alert. */
  badge: Generated<number | null>
}

export type NotifyLevel = 'all' | 'mentions' | 'none'
/** How much of a message an alert shows. */
export type Preview = 'full' | 'sender' | 'none'

interface NotificationPreferenceTable {
  userId: string
  /** Hours without sound, `HH:MM` in `timeZone`; none if null. */
  quietFrom: string | null
  quietUntil: string | null
  timeZone: string | null
  preview: Preview
}

/** What became of one try to push an entry to a device. */
interface PushAttemptTable {
  at: Generated<Date>
  conversationId: string
  seq: number
  userId: string
  deviceId: string
  kind: PushTokenKind
  result: string
  reason: string | null
  /** The provider's name for the push. */
  providerId: string | null
  audible: boolean
}

export type ConversationKind = 'direct' | 'group' | 'live' | 'self'

interface ConversationTable {
  conversationId: string
  kind: ConversationKind
  name: string | null
  /** The two people of a direct conversation, in order. */
  userIds: string[] | null
  creatorId: string
  createdAt: Generated<Date>
  lastSeq: number
  /** Counted entries so far. */
  lastCount: number
  /** Grows with every change of who may do what, so that a send can tell that its view of the members is old. */
  membersVersion: Generated<number>
  lastAt: Generated<Date>
  /** The transaction that changed the row last (xid8 as text): what sync cursors compare. */
  changedXid: Generated<string>
}

export type Role = 'owner' | 'admin' | 'member'

interface MemberTable {
  conversationId: string
  userId: string
  role: Role
  /** Entries up to here came before this member. */
  joinedSeq: number
  clearedSeq: Generated<number>
  deliveredSeq: number
  readSeq: number
  /** Every device of the user has been told, or cannot be told, of what is up to here. */
  notifiedSeq: number
  /** What of the conversation the user is alerted of; after `notifyUntil` it is all. */
  notifyLevel: Generated<NotifyLevel>
  notifyUntil: Generated<Date | null>
  /** Whether a mention of everybody is told whatever the level. */
  mentionAll: Generated<boolean>
  /** An alert with sound may have been made for entries up to here. */
  alertedSeq: Generated<number>
  /** The job that may still make it, for entries after `alertedAfter`. */
  alertedBy: Generated<string | null>
  alertedAfter: Generated<number>
  /** Alerts up to here were taken back after they were read. */
  withdrawnSeq: Generated<number>
  pinned: Generated<boolean>
  changedXid: Generated<string>
}

interface EntryTable {
  conversationId: string
  seq: number
  kind: string
  senderId: string
  clientMessageId: string | null
  type: string
  content: ColumnType<Record<string, unknown>, string, string>
  replyTo: string | null
  mentions: ColumnType<string[] | null, string | null, string | null>
  ext: ColumnType<Record<string, unknown> | null, string | null, string | null>
  /** Whether it counts as unread. */
  counted: boolean
  /** Whether it is told to people who are away. */
  pushed: boolean
  /** Counted entries up to and including this one. */
  count: number
  sentAt: Generated<Date>
  editedAt: Date | null
  recalledAt: Date | null
}

interface MediaReferenceTable {
  mediaId: string
  conversationId: string
  seq: number
}

/** A profile that changed, and how far its user's contacts have been told. */
interface ProfileChangeTable {
  userId: string
  toldUntil: string
}

/** One side of a pair of people. */
interface ContactTable extends Relation {
  userId: string
  otherId: string
  /** The entry of the user's own log that told of it last: the version of a roster. */
  seq: number
}

/** One committed batch whose doorbells and offline deliveries are not all out yet. */
interface DispatchTable {
  dispatchId: Generated<number>
  conversationIds: string[]
  firstSeqs: number[]
  lastSeqs: number[]
  claimedAt: Generated<Date>
}

export type EntryRow = Selectable<EntryTable>
