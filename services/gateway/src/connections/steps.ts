/** So long those wait who come in a crowd. */
const stepMs = 25
/** So many within a step are one. */
const crowd = 8

/**
 * Lets those who come in a crowd go on in steps, all of a step in the same moment, so that what they ask of messages and Redis
 * goes in a few large batches. While a few come, nobody waits.
 */
export function createSteps(now: () => number = performance.now.bind(performance)): () => Promise<void> {
  let waiting: (() => void)[] = []
  let since = now()
  let came = 0
  let cameBefore = 0

  function turn(): void {
    const elapsedMs = now() - since
    if (elapsedMs < stepMs) return
    cameBefore = elapsedMs < 2 * stepMs ? came : 0
    came = 0
    since = now()
  }

  function goOn(): void {
    const all = waiting
    waiting = []
    for (const go of all) go()
  }

  return () => {
    turn()
    came++
    if (waiting.length === 0 && Math.max(came, cameBefore) < crowd) return Promise.resolve()
    return new Promise((go) => {
      if (waiting.push(go) === 1) setTimeout(goOn, stepMs)
    })
  }
}
