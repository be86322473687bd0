import { monitorEventLoopDelay } from 'node:perf_hooks'

const everyMs = 500
const resolutionMs = 50

/** How late timers were in the last half second, as the slowest of ten saw it. */
export function watchLag(): Disposable & { lagMs: () => number } {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let lagMs = 0
  const timer = setInterval(() => {
    lagMs = Math.max(0, delay.percentile(99) / 1e6 - resolutionMs)
    delay.reset()
  }, everyMs).unref()
  return {
    lagMs: () => lagMs,
    [Symbol.dispose]() {
      clearInterval(timer)
      delay.disable()
    },
  }
}
