const attempts = 10
const windowMs = 60_000
const remembered = 10_000

/** At most ten failed logins a minute for one user id, on each instance. Bounded: under a flood of names the oldest are forgotten. */
export function createLoginThrottle(now: () => number = Date.now) {
  const failures = new Map<string, { count: number; since: number }>()
  return {
    /** Counts an attempt; the milliseconds to wait if there were too many, else 0. */
    take(userId: string): number {
      const known = failures.get(userId)
      const entry = known && now() - known.since < windowMs ? known : { count: 0, since: now() }
      if (entry.count >= attempts) return entry.since + windowMs - now()
      entry.count++
      failures.delete(userId)
      failures.set(userId, entry)
      const oldest = failures.keys().next()
      if (failures.size > remembered && !oldest.done) failures.delete(oldest.value)
      return 0
    },
    forgive(userId: string): void {
      failures.delete(userId)
    },
  }
}

export type LoginThrottle = ReturnType<typeof createLoginThrottle>
