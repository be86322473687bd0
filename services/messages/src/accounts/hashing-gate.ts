import { AppError } from '@parley/shared/errors'

/** As many as libuv has threads: more would only hold memory, 32 MB each at the default cost. */
const running = 4
/** Some seconds of work; whoever comes after that is better off asking again. */
const maxWaiting = 100

/** Lets a few through at a time, in order, and refuses when too many wait. */
export function createHashingGate() {
  let free = running
  const waiting: (() => void)[] = []

  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else {
      if (waiting.length >= maxWaiting)
        throw new AppError('overloaded', 'too many log-ins at once', { retryAfterMs: 2_000 })
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
