import type { PushTarget } from '@parley/shared/delivery'
import type { PushTokenKind } from '@parley/shared/protocol'
import type { ColumnType, Generated, Selectable } from 'kysely'
import type { MessagesFrom } from '../contacts/bars.ts'
import type { Relation } from '../contacts/relation.ts'

export interface Database {
  account: AccountTable
  lastSeen: { userId: string; at: Date }
  device: DeviceTable
  session: SessionTable
  pushToken: PushTokenTable
  notificationPreference: NotificationPreferenceTable
  pushAttempt: PushAttemptTable
  staleAlert: StaleAlertTable
  conversation: ConversationTable
  member: MemberTable
  entry: EntryTable
  mediaReference: MediaReferenceTable
  contact: ContactTable
  profileChange: ProfileChangeTable
  hiddenEntry: HiddenEntryTable
  formerMember: FormerMemberTable
  joinRequest: JoinRequestTable
  expulsion: ExpulsionTable
  messageType: MessageTypeTable
  dispatch: DispatchTable
  vetoedSend: VetoedSendTable
  webhookEndpoint: WebhookEndpointTable
  webhookDelivery: WebhookDeliveryTable
  searchDocument: SearchDocumentTable
  searchProgress: SearchProgressTable
  searchPending: SearchPendingTable
  logEpoch: { epoch: string }
}

export type PresenceTo = 'everyone' | 'contacts' | 'nobody'

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
  /** To whom it shows when its user is there. */
  presenceTo: Generated<PresenceTo>
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

export type PushKeys = NonNullable<PushTarget['token']['keys']>

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
  /** What the app's icon was told last; null before the first alert, -1 where nobody knows. */
  badge: Generated<number | null>
  /** The transaction that reported it. */
  badgeXid: Generated<string>
  /** Of a Web Push subscription. */
  keys: ColumnType<PushKeys | null, string | null, string | null>
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

/** An alert that devices may show though it holds no longer, until they have been told. */
interface StaleAlertTable {
  userId: string
  conversationId: string
  seq: number
  /** It stands for all alerts of the conversation up to it. */
  andBefore: boolean
  notedXid: Generated<string>
  notedAt: Generated<Date>
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
  /** The policy of a group; null for what is no group. */
  policy: string | null
  avatarUrl: string | null
  notice: string | null
  introduction: string | null
  /** How people come in, if the policy leaves a choice. */
  joinBy: JoinBy | null
  /** Whether anything in it is kept; if not, messages only pass through. */
  stores: Generated<boolean>
  /** Whether anything in it counts as unread. */
  counts: Generated<boolean>
  /** Whether ordinary members may mention everybody. */
  membersMentionAll: Generated<boolean>
  /** Nobody writes but owner, admins and those who may always. */
  allSilenced: Generated<boolean>
  dissolvedAt: Date | null
  lastSeq: number
  /** The newest entry that a list shows: a message, or what happened to the conversation. */
  shownSeq: Generated<number>
  /** Counted entries so far. */
  lastCount: number
  /** Grows with every change of who may do what, so that a send can tell that its view of the members is old. */
  membersVersion: Generated<number>
  /** When something that people look at was added last. */
  lastAt: Generated<Date>
  /** When any entry was added last; entries' times never go back, whatever the clocks of the servers do. */
  entryAt: Generated<Date>
  /** The transaction that changed the row last (xid8 as text): what sync cursors compare. */
  changedXid: Generated<string>
}

export type JoinBy = 'free' | 'approval' | 'invitation'

export type Role = 'owner' | 'admin' | 'member'

interface MemberTable {
  conversationId: string
  userId: string
  role: Role
  joinedAt: Generated<Date>
  /** Why this member may not write, whatever the role: `blocked`, `stranger`. */
  barred: string | null
  /** May not write until then. */
  silencedUntil: Date | null
  /** May write while all are silenced. */
  speaksAlways: Generated<boolean>
  /** Not in the user's list while it shows nothing after this number. */
  hiddenSeq: number | null
  /** The time of that, by which the release before hides; it knows no number. */
  hiddenAt: Date | null
  /** Whether this member has deleted entries for themselves (`hidden_entry`). */
  hidesEntries: Generated<boolean>
  /** Entries up to here came before this member. */
  joinedSeq: number
  clearedSeq: Generated<number>
  deliveredSeq: number
  readSeq: number
  /** Messages after `readSeq` that the user has read by themselves; those up to it say nothing. */
  readSeqs: number[] | null
  /** Messages up to `readSeq` that the user has marked unread; those after it say nothing. */
  unreadSeqs: number[] | null
  /** When `deliveredSeq` and `readSeq` moved to where they are; null if before that was kept. */
  deliveredAt: Generated<Date | null>
  readAt: Generated<Date | null>
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
  /** What the client's clock said, as it said it. */
  clientSentAt: string | null
  /** The message an edit, a recall or a reaction is about. */
  targetSeq: number | null
  /** What a list or an alert shows of it, if the content does not say. */
  digest: string | null
  /** Whether the sender's other devices get it. */
  synced: Generated<boolean>
  /** User ids by emoji. */
  reactions: ColumnType<Record<string, string[]> | null, string | null, string | null>
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

/** An entry that its user has deleted for themselves. */
interface HiddenEntryTable {
  userId: string
  conversationId: string
  seq: number
}

/** How somebody's membership ended, for their devices that were away and for when they come back. */
interface FormerMemberTable {
  userId: string
  conversationId: string
  reason: 'left' | 'kicked' | 'dissolved'
  endedBy: string
  note: string | null
  endedAt: Generated<Date>
  /** What the member row said: who comes back may not write until then. */
  silencedUntil: Date | null
  changedXid: Generated<string>
}

interface JoinRequestTable {
  conversationId: string
  userId: string
  /** The member who proposed it; null if the user asked. */
  invitedBy: string | null
  greeting: string | null
  createdAt: Generated<Date>
}

/** Somebody who was removed and may not come back by themselves. */
interface ExpulsionTable {
  conversationId: string
  userId: string
  expelledBy: string
  reason: string | null
  createdAt: Generated<Date>
}

/** The switches of a type, where they are not the built-in ones. */
interface MessageTypeTable {
  type: string
  stored: boolean
  counted: boolean
  pushed: boolean
  synced: boolean
  /** Shown of its messages, unless the sender says it. */
  digest: string | null
  /** The same by language. */
  digests: ColumnType<Record<string, string>, string | undefined, string>
  /** Of the content, as JSON. */
  maxBytes: number | null
  updatedAt: Generated<Date>
}

/** A send that a hook refused; without a reason it is empty. */
interface VetoedSendTable {
  conversationId: string
  senderId: string
  clientMessageId: string
  reason: string
  at: Generated<Date>
}

/** What is known of an endpoint beside its configuration. */
interface WebhookEndpointTable {
  endpointId: string
  events: string[]
  /** Since when nothing has arrived there. */
  failingSince: Generated<Date | null>
  disabledAt: Generated<Date | null>
  disabledReason: Generated<string | null>
}

/** An event an endpoint is still to be told of. */
interface WebhookDeliveryTable {
  deliveryId: Generated<number>
  endpointId: string
  eventId: string
  event: string
  /** Of an entry, which is read when it is told. */
  conversationId: string | null
  seq: number | null
  /** Of any other event. */
  data: ColumnType<object | null, string | null, string | null>
  at: Date
  state: 'pending' | 'dead'
  /** Grows with each replay. */
  round: Generated<number>
  queuedAt: Generated<Date>
  failedAt: Date | null
  failure: string | null
}

/** One committed batch whose doorbells and offline deliveries are not all out yet. */
interface DispatchTable {
  dispatchId: Generated<number>
  conversationIds: string[]
  firstSeqs: number[]
  lastSeqs: number[]
  claimedAt: Generated<Date>
}

/** What a message is found by. A proposal: the entry itself says whether it is so. */
interface SearchDocumentTable {
  conversationId: string
  seq: number
  senderId: string
  type: string
  sentAt: Date
  /** Each after the mark of its conversation, so that a search reads nothing of others. */
  terms: string
}

/** How far a log is indexed. */
interface SearchProgressTable {
  conversationId: string
  indexedSeq: number
}

/** Conversations whose logs have grown; the doorbell of the index. */
interface SearchPendingTable {
  pendingId: Generated<number>
  conversationIds: string[]
  createdAt: Generated<Date>
}

export type EntryRow = Selectable<EntryTable>
