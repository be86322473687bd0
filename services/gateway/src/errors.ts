import { AppError, type ErrorCode } from '@parley/shared/errors'
import { closeCodes } from '@parley/shared/protocol'

export const unknownEvent = () => new AppError('unknown_event', 'there is no such event')
export const ackRequired = () =>
  new AppError('ack_required', 'ask for an acknowledgement: every event is answered')
export const onePayload = () => new AppError('invalid_request', 'an event carries one payload')
export const malformed = (details: string) => new AppError('invalid_request', details)
export const tooFast = (retryAfterMs: number) =>
  new AppError('rate_limited', 'too many requests', { retryAfterMs })
export const tooSlow = () => new AppError('deadline_exceeded', 'no answer in time; it is safe to ask again')
export const tokenRequired = () => new AppError('unauthenticated', 'an access token is required')
export const deviceMismatch = () => new AppError('unauthenticated', 'the token belongs to another device')
export const tokenOfAnother = () =>
  new AppError('forbidden', 'the token is of another user or another device')
export const tooManySockets = () =>
  new AppError('rate_limited', 'too many connections of this user', { retryAfterMs: 30_000 })
export const tooManyListeners = () =>
  new AppError('rate_limited', 'too many polls and streams of this user', { retryAfterMs: 5_000 })
export const nodeDrains = (retryAfterMs: number) =>
  new AppError('draining', 'this node is going away', { retryAfterMs })
export const nodeFull = () =>
  new AppError('overloaded', 'this node takes no more connections', { retryAfterMs: 5_000 })
export const overloadedNode = (retryAfterMs: number) =>
  new AppError('overloaded', 'too many connect at the same time', { retryAfterMs })
export const messagesUnavailable = (cause: unknown) =>
  new AppError('unavailable', 'messages cannot be reached', { cause, retryAfterMs: 1_000 })
export const presenceUnknown = (cause?: unknown) =>
  new AppError('unavailable', 'who is there is not known just now', { cause, retryAfterMs: 3_000 })
export const presenceBusy = () =>
  new AppError('overloaded', 'presence waits while this node is under load', { retryAfterMs: 5_000 })
export const tooManyWatched = (most: number) =>
  new AppError('too_large', `a connection watches at most ${most} users`)
export const tokenExpired = () => new AppError('token_expired', 'access token has expired')

/** Where a connection is closed with one of these its session is over, and what that session is told. */
const endings: ReadonlyMap<number | undefined, ErrorCode> = new Map([
  [closeCodes.replaced, 'session_replaced'],
  [closeCodes.forbidden, 'account_suspended'],
  [closeCodes.tokenExpired, 'unauthenticated'],
])

export const isSessionOver = (closeCode: number | undefined) => endings.has(closeCode)

/** What is said to a session that is over, by the code that its connection is closed with; undefined where it may come back as it is. */
export function sessionOver(closeCode: number | undefined, reason: string): AppError | undefined {
  const code = endings.get(closeCode)
  return code && new AppError(code, reason)
}
