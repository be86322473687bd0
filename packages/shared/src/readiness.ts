import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from './errors.ts'

/** Probes of many balancers together ask the service's own dependencies no more often than this. */
const holdsForMs = 500

/**
 * Whether a process takes new work: not while `check` throws, and never again once it leaves. A balancer needs a
 * moment to notice that, in which the process serves on.
 */
export function createReadiness(check: () => Promise<void> = async () => {}) {
  let leaving = false
  let last: { at: number; verdict: Promise<void> } | undefined

  function verdict(): Promise<void> {
    const now = performance.now()
    if (!last || now - last.at > holdsForMs) last = { at: now, verdict: check() }
    return last.verdict
  }

  return {
    get leaving(): boolean {
      return leaving
    },
    /** Throws while there is to be no new work: `draining`, or what the check throws. */
    async ready(): Promise<void> {
      if (leaving) throw new AppError('draining', 'this process is going away')
      await verdict()
    },
    /** Resolves when those who ask have had this long to notice. */
    async leave(noticedWithinMs = 0): Promise<void> {
      leaving = true
      await wait(noticedWithinMs)
    },
  }
}
