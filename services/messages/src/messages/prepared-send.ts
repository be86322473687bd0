import type { TraceSpan } from '@parley/shared/tracing'

/** A send whose shape, media and sender are settled, ready to be committed. */
export interface PreparedSend {
  conversationId: string
  senderId: string
  /** The other person, if the send may open a direct conversation. */
  directTo: string | null
  clientMessageId: string
  type: string
  content: Record<string, unknown>
  digest: string | null
  replyTo: string | null
  mentions: string[] | null
  ext: Record<string, unknown> | null
  /** What the client's clock said. */
  clientSentAt: string | null
  mediaId: string | null
  /** Whether it is kept. */
  stored: boolean
  /** Whether it counts as unread. */
  counted: boolean
  /** Whether it is told to people who are away. */
  pushed: boolean
  /** Whether the sender's other devices get it. */
  synced: boolean
  /** From the operator's own systems, which need no membership. */
  bySystem: boolean
  /** Of which it is a part, if its trace is recorded. */
  span?: TraceSpan | undefined
}
