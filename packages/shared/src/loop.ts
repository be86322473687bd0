import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from './log.ts'

interface LoopOptions {
  log: Logger
  /** Names the loop in the log. */
  name: string
  /** From the end of one round to the start of the next, give or take a quarter, so that nodes do not march in step. */
  everyMs: number
}

/** Does something again and again until disposed; disposal waits for the round in hand. A round that fails is logged. */
export function startLoop({ log, name, everyMs }: LoopOptions, round: () => Promise<void>): AsyncDisposable {
  const stop = new AbortController()
  const running = run()

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await wait(everyMs * (0.75 + Math.random() / 2), undefined, { signal: stop.signal }).catch(
        () => undefined,
      )
      if (stop.signal.aborted) return
      await round().catch((err: unknown) => log.warn({ err, loop: name }, 'a round failed'))
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
