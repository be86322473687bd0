export interface TokenBucket {
  /** Takes one; the milliseconds until the next if there is none, else 0. */
  take(): number
}

const clock = () => performance.now()

/** Refills evenly up to its burst. */
export function createTokenBucket(
  { perSecond, burst }: { perSecond: number; burst: number },
  now: () => number = clock,
): TokenBucket {
  let tokens = burst
  let at = now()
  return {
    take() {
      const time = now()
      tokens = Math.min(burst, tokens + ((time - at) / 1_000) * perSecond)
      at = time
      if (tokens < 1) return Math.ceil(((1 - tokens) / perSecond) * 1_000)
      tokens--
      return 0
    },
  }
}
