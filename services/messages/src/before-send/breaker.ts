/** Failures in a row after which nothing is asked for a while. */
const threshold = 5
const pauseMs = 5_000

/**
 * Keeps from asking what does not answer: after some failures in a row nothing is asked for five seconds, then one
 * question is, and its outcome decides for the next.
 */
export function createBreaker({ now = Date.now }: { now?: () => number } = {}) {
  let failures = 0
  let until = 0
  let trying = false
  return {
    /** Whether to ask at this moment; who is let through reports the outcome. */
    mayAsk(): boolean {
      if (failures < threshold) return true
      if (trying || now() < until) return false
      trying = true
      return true
    },
    succeeded(): void {
      failures = 0
      trying = false
    },
    failed(): void {
      failures++
      trying = false
      until = now() + pauseMs
    },
    get isOpen(): boolean {
      return failures >= threshold
    },
  }
}
