/** So long those wait at most who come in a crowd: below what anybody notices. */
const stepMs = 25

interface StepsOptions {
  /** So many within a step are one. */
  crowd: number
  /** When so many wait, they go on at once. */
  enough?: number
}

export interface Steps {
  /** Calls back with the others of the step, in the order in which they came; at once while a few come. */
  join: (goOn: () => void) => void
  /** Ends the step now. */
  end: () => void
}

/**
 * Lets those who come in a crowd go on in steps, all of a step in the same moment, so that what they ask of messages and Redis
 * goes in a few large batches, and runs while its code is in the processor's caches. While a few come, nobody waits. Steps end
 * at multiples of their length by the clock, those of all gateways in the same moment (ADR 44).
 */
export function createSteps({ crowd, enough = Infinity }: StepsOptions): Steps {
  let waiting: (() => void)[] = []
  let step = 0
  let came = 0
  let cameBefore = 0
  let timer: NodeJS.Timeout | undefined

  function count(clock: number): void {
    const current = Math.floor(clock / stepMs)
    if (current !== step) {
      cameBefore = current === step + 1 ? came : 0
      came = 0
      step = current
    }
    came++
  }

  function end(): void {
    clearTimeout(timer)
    const all = waiting
    waiting = []
    for (const goOn of all) goOn()
  }

  return {
    join(goOn) {
      const clock = Date.now()
      count(clock)
      if (waiting.length === 0 && Math.max(came, cameBefore) < crowd) return goOn()
      waiting.push(goOn)
      if (waiting.length >= enough) end()
      else if (waiting.length === 1) timer = setTimeout(end, stepMs - (clock % stepMs))
    },
    end,
  }
}
