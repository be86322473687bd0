import type { Verdict } from '../providers/provider.ts'

/** Tries of one push, after which it is given up as refused. */
export const maxAttempts = 8
const firstMs = 1_000
const longestMs = 60 * 60_000
/** Pushes that fail together come back together, and those that fail a moment later as well. */
const stepMs = 250

/**
 * When a push that was tried so often may be tried again, in milliseconds since the epoch: after what the
 * provider asked for, or a second that doubles with each try.
 */
export function nextTryAt(verdict: Verdict, attempts: number, now: number = Date.now()): number {
  const askedMs = verdict.result === 'retry' ? (verdict.afterMs ?? 0) : 0
  const waitMs = Math.min(Math.max(askedMs, firstMs * 2 ** Math.max(attempts - 1, 0)), longestMs)
  return Math.ceil((now + waitMs) / stepMs) * stepMs
}
