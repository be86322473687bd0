import { tooSlow } from '../errors.ts'

const checkEveryMs = 250

interface Waiting {
  dueAt: number
  late: () => void
}

/**
 * Bounds how long answers may take, with one timer for all of them: a timer for each of thousands of requests a
 * second costs more than it saves. So a deadline is kept to the quarter of a second.
 */
export function createDeadlines(deadlineMs: number) {
  const waiting = new Set<Waiting>()
  let timer: NodeJS.Timeout | undefined

  function check(): void {
    const now = performance.now()
    for (const entry of waiting) {
      // In the order they came, so the first that is not due ends the look.
      if (entry.dueAt > now) break
      waiting.delete(entry)
      entry.late()
    }
    if (waiting.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }

  /** Calls back when it is too late, unless the wait was ended, which is what it returns. */
  function begin(late: () => void): () => void {
    const entry = { dueAt: performance.now() + deadlineMs, late }
    waiting.add(entry)
    timer ??= setInterval(check, checkEveryMs).unref()
    return () => void waiting.delete(entry)
  }

  return {
    begin,
    /** Settles as the promise does, or is rejected with `deadline_exceeded`. */
    within: <T>(promise: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        const end = begin(() => reject(tooSlow()))
        promise.then(
          (value) => {
            end()
            resolve(value)
          },
          (cause: unknown) => {
            end()
            reject(cause)
          },
        )
      }),
  }
}

export type Deadlines = ReturnType<typeof createDeadlines>
