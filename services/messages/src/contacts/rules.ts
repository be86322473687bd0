import { alreadyBlocked, askedTooSoon, noRequest, notAContact, requestRefused } from '../errors.ts'
import type { Change, Pair } from './relation.ts'

/**
 * Who was declined, or took a request back, may ask the same person again after this: nobody is alerted by the same
 * stranger more often. That person may ask at any time.
 */
const askAgainAfterMs = 24 * 3_600_000

/*
 * What each wish makes of a pair, as one of the two sees it. Asking for what is already so changes nothing, which
 * makes every one of these safe to repeat.
 */

/** Two who ask each other become contacts, whoever was first. */
export function request(pair: Pair, { greeting, now }: { greeting: string | null; now: Date }): Change {
  const { mine, theirs } = pair
  if (theirs.blocked) throw requestRefused()
  if (mine.blocked) throw alreadyBlocked()
  if (mine.state === 'contact' || mine.state === 'requested') return { pair }
  if (mine.state === 'received') return become(pair)
  const askedInVain = mine.state === 'declined' || (mine.state === 'none' && theirs.state !== 'declined')
  if (askedInVain) {
    const waitMs = (mine.requestedAt?.getTime() ?? 0) + askAgainAfterMs - now.getTime()
    if (waitMs > 0) throw askedTooSoon(waitMs)
  }
  return {
    pair: {
      mine: { ...mine, state: 'requested', greeting, requestedAt: now },
      theirs: { ...theirs, state: 'received', greeting },
    },
    mine: 'contact.requested',
    theirs: 'contact.requested',
  }
}

export function accept(pair: Pair): Change {
  const { mine, theirs } = pair
  if (mine.state === 'contact') return { pair }
  if (mine.state !== 'received') throw noRequest()
  if (theirs.blocked) throw requestRefused()
  if (mine.blocked) throw alreadyBlocked()
  return become(pair)
}

export function decline(pair: Pair): Change {
  const { mine, theirs } = pair
  if (theirs.state === 'declined') return { pair }
  if (mine.state !== 'received') throw noRequest()
  return {
    pair: { mine: { ...mine, state: 'none' }, theirs: { ...theirs, state: 'declined' } },
    mine: 'contact.declined',
    theirs: 'contact.declined',
  }
}

/** Ends being contacts, or takes back a request that is not answered yet. */
export function remove(pair: Pair): Change {
  const { mine, theirs } = pair
  if (mine.state === 'received') return decline(pair)
  if (mine.state === 'requested') {
    return {
      pair: { mine: { ...mine, state: 'none' }, theirs: { ...theirs, state: 'none' } },
      mine: 'contact.withdrawn',
      theirs: 'contact.withdrawn',
    }
  }
  if (mine.state !== 'contact') return { pair }
  return {
    pair: {
      mine: { ...mine, state: 'removed', remark: null },
      theirs: { ...theirs, state: 'removed', remark: null },
    },
    mine: 'contact.removed',
    theirs: 'contact.removed',
  }
}

export function rename(pair: Pair, { remark }: { remark: string | null }): Change {
  const { mine } = pair
  if (mine.state !== 'contact') throw notAContact()
  if (mine.remark === remark) return { pair }
  return { pair: { ...pair, mine: { ...mine, remark } }, mine: 'contact.changed' }
}

/** The other is not told; what they notice is that nothing gets through. */
export function block(pair: Pair): Change {
  if (pair.mine.blocked) return { pair }
  return { pair: { ...pair, mine: { ...pair.mine, blocked: true } }, mine: 'contact.blocked' }
}

export function unblock(pair: Pair): Change {
  if (!pair.mine.blocked) return { pair }
  return { pair: { ...pair, mine: { ...pair.mine, blocked: false } }, mine: 'contact.unblocked' }
}

function become({ mine, theirs }: Pair): Change {
  return {
    pair: { mine: { ...mine, state: 'contact' }, theirs: { ...theirs, state: 'contact' } },
    mine: 'contact.accepted',
    theirs: 'contact.accepted',
  }
}
