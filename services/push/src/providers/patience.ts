import type { Verdict } from './provider.ts'

const patienceMs = 3_000
/** By then there is an answer or there will be none, unless the request had to wait for a stream as well. */
const lateAfterMs = 12_000

/**
 * Bounds what waits for one provider: jobs are few and each waits for all of its pushes, so one that answers slowly would
 * keep them from the others. Who was slow last is not waited for at all, until an answer comes in time again; what it
 * was asked goes on, and its answer is heard when it comes.
 */
export function createPatience() {
  let isSlow = false
  return {
    /** An answer came to what was asked then. */
    answered(askedAt: Date): void {
      isSlow = Date.now() - askedAt.getTime() >= patienceMs
    },
    async within(answer: Promise<Verdict>): Promise<Verdict> {
      const over = Promise.withResolvers<undefined>()
      const timer = setTimeout(over.resolve, isSlow ? 0 : patienceMs, undefined)
      try {
        const verdict = await Promise.race([answer, over.promise])
        if (verdict) return verdict
      } finally {
        clearTimeout(timer)
      }
      isSlow = true
      // Whoever does not listen for it must not be brought down by it.
      answer.catch(() => {})
      return { result: 'retry', reason: 'slow', maybeShown: true, afterMs: lateAfterMs, late: answer }
    },
  }
}

/** What became of it in the end, for those who have the time. */
export async function finalOf(verdict: Verdict): Promise<Verdict> {
  return (verdict.result === 'retry' && verdict.late) || verdict
}
