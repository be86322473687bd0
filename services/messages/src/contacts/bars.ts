import type { Pair } from './relation.ts'

/** From whom an account takes direct messages besides its contacts. */
export type MessagesFrom = 'anyone' | 'contacts'

/** Why somebody may not write in a direct conversation; null if they may. */
export type Bar = 'blocked' | 'stranger' | null

interface BarQuestion {
  pair: Pair
  /** Whom each takes messages from. */
  messagesFrom: { mine: MessagesFrom; theirs: MessagesFrom }
  /** Who opened the conversation, if there is one. */
  openedBy: 'me' | 'them' | undefined
}

/**
 * Who may write to whom (ADR 13). A block silences both. Contacts may; so may whoever writes to somebody who takes
 * messages from anyone; and whoever was written to first may answer, unless the two have ended being contacts since.
 */
export function barsOf({ pair, messagesFrom, openedBy }: BarQuestion): { mine: Bar; theirs: Bar } {
  const { mine, theirs } = pair
  if (mine.blocked || theirs.blocked) return { mine: 'blocked', theirs: 'blocked' }
  if (mine.state === 'contact') return { mine: null, theirs: null }
  const mayAnswer = mine.state !== 'removed'
  return {
    mine: messagesFrom.theirs === 'anyone' || (openedBy === 'them' && mayAnswer) ? null : 'stranger',
    theirs: messagesFrom.mine === 'anyone' || (openedBy === 'me' && mayAnswer) ? null : 'stranger',
  }
}
