import type { Logger } from './log.ts'

interface LoopOptions {
  log: Logger
  /** Names the loop in the log. */
  name: string
  /** From the end of one round to the start of the next, give or take a quarter, so that nodes do not march in step. */
  everyMs: number
}

interface Loop extends AsyncDisposable {
  /** Begins the next round at once, unless it is hurried more often than rounds come. */
  soon(): void
}

/** Does something again and again until disposed; disposal waits for the round in hand. A round that fails is logged. */
export function startLoop({ log, name, everyMs }: LoopOptions, round: () => Promise<void>): Loop {
  let stopped = false
  let hurried = false
  let hurriedAt = -Infinity
  let wake = () => {}
  const running = run()

  async function run(): Promise<void> {
    while (!stopped) {
      if (!hurried) await rest(everyMs * (0.75 + Math.random() / 2))
      if (stopped) return
      hurried = false
      await round().catch((err: unknown) => log.warn({ err, loop: name }, 'a round failed'))
    }
  }

  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  return {
    soon() {
      const now = performance.now()
      if (now - hurriedAt < everyMs) return
      hurriedAt = now
      hurried = true
      wake()
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      wake()
      await running
    },
  }
}
