/** When messages are due that are sent so often a second, all moments in milliseconds of one clock. */
export interface Schedule {
  /** Of the n-th message, from 0. */
  dueAt: (n: number) => number
  /** How many are due by a moment, that moment included. */
  dueBy: (now: number) => number
}

export function createSchedule(perSecond: number, startedAt: number): Schedule {
  return {
    dueAt: (n) => startedAt + (n * 1_000) / perSecond,
    dueBy: (now) => (now < startedAt ? 0 : Math.floor(((now - startedAt) * perSecond) / 1_000) + 1),
  }
}
