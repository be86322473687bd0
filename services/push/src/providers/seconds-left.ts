/** Whole seconds until then, 0 if it is past: how long a provider may keep what rings until then. */
export function secondsLeft(until: string, now: number = Date.now()): number {
  return Math.max(0, Math.floor((Date.parse(until) - now) / 1_000))
}
