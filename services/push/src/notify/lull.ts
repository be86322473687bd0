/**
 * Keeps what can wait behind what people wait for: reports of what was sent take as much of Postgres as finding out what is
 * to be sent, and nobody sees them. So while pushes are going out reports are held back, each for `longestMs` at most.
 */
export function createLull(longestMs: number) {
  let busy = 0
  let waiting: (() => void)[] = []

  function release(): void {
    const released = waiting
    waiting = []
    for (const resolve of released) resolve()
  }

  return {
    /** Runs what must not be held up by reports. */
    async hold<T>(work: () => Promise<T>): Promise<T> {
      busy++
      try {
        return await work()
      } finally {
        if (--busy === 0) release()
      }
    },
    /** Resolves when nothing is going out any more, or the time is up. */
    wait(): Promise<void> {
      if (busy === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, longestMs)
        waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}

export type Lull = ReturnType<typeof createLull>
