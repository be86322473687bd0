/**
 * How one user stands to another. `requested`: asked and waits; `received`: was asked; `declined`: asked in vain;
 * `removed`: were contacts once.
 */
export type ContactState = 'none' | 'requested' | 'received' | 'contact' | 'declined' | 'removed'

/** One user's side of a pair. */
export interface Relation {
  state: ContactState
  /** Whether this user blocks the other. */
  blocked: boolean
  /** What this user calls the other. */
  remark: string | null
  /** The words of the request that was made last. */
  greeting: string | null
  /** When this user asked the other last. */
  requestedAt: Date | null
}

export interface Pair {
  mine: Relation
  theirs: Relation
}

export const stranger: Relation = {
  state: 'none',
  blocked: false,
  remark: null,
  greeting: null,
  requestedAt: null,
}

export type ContactEvent =
  | 'contact.requested'
  | 'contact.withdrawn'
  | 'contact.accepted'
  | 'contact.declined'
  | 'contact.removed'
  | 'contact.changed'
  | 'contact.blocked'
  | 'contact.unblocked'

/** What a change makes of a pair. A side without an event stays as it is and is told nothing. */
export interface Change {
  pair: Pair
  mine?: ContactEvent
  theirs?: ContactEvent
}
