import { createUserLimits, type UserLimits } from '@parley/shared/user-limits'

const ordinary = { perSecond: 50, burst: 300 }
/** Looking for people, and changing what people look at: enough to type, too little to copy the directory. */
export const directoryRate = { perSecond: 1, burst: 30 }
/** Each change of a contact is an entry in one log or two. */
export const contactRate = { perSecond: 2, burst: 100 }
/** Enough for a search with each pause in typing. */
export const searchRate = { perSecond: 2, burst: 30 }

/** A user's HTTP requests on this instance. */
export const createRequestLimits = (rate = ordinary): UserLimits => createUserLimits(rate)

export type RequestLimits = UserLimits
