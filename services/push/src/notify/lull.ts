/**
 * Keeps what can wait behind what people wait for: reports of what was sent take as much of Postgres as finding out what is
 * to be sent, and nobody sees them. So while pushes are going out reports are held back, each for `longestMs` at most.
 */
export function createLull(longestMs: number) {
  let busy = 0
  // Emptied also where it never comes to a lull: who has waited long enough leaves by itself.
  const waiting = new Set<() => void>()

  return {
    /** Runs what must not be held up by reports. */
    async hold<T>(work: () => Promise<T>): Promise<T> {
      busy++
      try {
        return await work()
      } finally {
        if (--busy === 0) for (const go of waiting) go()
      }
    },
    /** Resolves when nothing is going out any more, or the time is up. */
    wait(): Promise<void> {
      if (busy === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const go = () => {
          clearTimeout(timer)
          waiting.delete(go)
          resolve()
        }
        const timer = setTimeout(go, longestMs)
        waiting.add(go)
      })
    },
    /** Reports that are held back. */
    get waiting(): number {
      return waiting.size
    },
  }
}

export type Lull = ReturnType<typeof createLull>
