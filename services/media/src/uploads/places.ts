import type { AppError } from '@parley/shared/errors'
import type { UserId } from '@parley/shared/ids'

/** How many requests of a kind there may be at once, and how many of them of one user, who would else keep out all others. */
interface Bounds {
  inAll: number
  ofOne: number
}

/** Places on this instance for requests that last. Who finds none is told so at once, by the error given. */
export function createPlaces({ inAll, ofOne }: Bounds, full: () => AppError) {
  const taken = new Map<UserId, number>()
  let all = 0

  return {
    /** Until it is disposed of. */
    take(userId: UserId): Disposable {
      const own = taken.get(userId) ?? 0
      if (all >= inAll || own >= ofOne) throw full()
      all += 1
      taken.set(userId, own + 1)
      return {
        [Symbol.dispose](): void {
          const left = (taken.get(userId) ?? 1) - 1
          all -= 1
          if (left > 0) taken.set(userId, left)
          else taken.delete(userId)
        },
      }
    },
  }
}
