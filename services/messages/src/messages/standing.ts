import type { ConversationKind } from '../db/schema.ts'

/** What became of one send of a batch. */
export type Standing =
  | { kind: 'committed'; seq: number; sentAt: Date; counted: boolean; conversation: CommittedConversation }
  /** The same client message id was committed before. */
  | { kind: 'known'; seq: number; sentAt: Date }
  | { kind: 'refused'; reason: Refusal }
  /** Allowed, and not to be kept: whoever is there hears it. */
  | { kind: 'passed'; messageId: string; sentAt: Date; conversation: CommittedConversation }
  /** Somebody else changed the conversation meanwhile; nothing was stored. */
  | { kind: 'stale' }

export type Refusal =
  | 'no_conversation'
  | 'not_a_member'
  /** By a block or the policy for strangers. */
  | 'barred'
  /** The sender, or everybody. */
  | 'silenced'
  | 'may_not_mention_all'
  | 'no_such_reply'
  /** The conversation keeps nothing, and the right to read media is asked of what is kept. */
  | 'media_not_kept'

export interface CommittedConversation {
  kind: ConversationKind
  policy: string | null
  name: string | null
  avatarUrl: string | null
  userIds: string[] | null
  membersVersion: number
}

export interface CommittedBatch {
  /** In the order of the sends. */
  standings: Standing[]
  /** The row that remembers what is still to be announced; absent if nothing was committed. */
  dispatchId: number | undefined
}
