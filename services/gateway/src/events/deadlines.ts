import { tooSlow } from '../errors.ts'

const checkEveryMs = 250

interface Waiting {
  dueAt: number
  reject: (cause: Error) => void
}

/**
 * Bounds how long promises may take, with one timer for all of them: a timer for each of thousands of requests a
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
      entry.reject(tooSlow())
    }
    if (waiting.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }

  /** Settles as the promise does, or is rejected with `deadline_exceeded`. */
  return <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const entry = { dueAt: performance.now() + deadlineMs, reject }
      waiting.add(entry)
      timer ??= setInterval(check, checkEveryMs).unref()
      promise.then(
        (value) => {
          waiting.delete(entry)
          resolve(value)
        },
        (cause: unknown) => {
          waiting.delete(entry)
          reject(cause)
        },
      )
    })
}
