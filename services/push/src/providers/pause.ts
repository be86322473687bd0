const firstMs = 30_000
const mostMs = 5 * 60_000

/**
 * Rest for a set of credentials that the provider refuses as a whole or asks to wait: to go on sending would
 * only dig deeper. Bounded, because the operator may mend it at any time.
 */
export function createPause(now: () => number = Date.now) {
  let until = 0
  let strikes = 0
  return {
    remainingMs: (): number => Math.max(0, until - now()),
    /** The provider said how long. */
    restFor(ms: number): void {
      until = Math.max(until, now() + ms)
    },
    /** Refused as a whole: 30 s the first time, doubling to 5 min while it lasts. */
    strike(): void {
      // Answers to requests that were under way together are one strike.
      if (until > now()) return
      until = now() + Math.min(firstMs * 2 ** strikes, mostMs)
      strikes++
    },
    accepted(): void {
      strikes = 0
    },
  }
}
