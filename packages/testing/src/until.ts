import { setTimeout as wait } from 'node:timers/promises'

/** Asks again until the answer is yes. What it throws meanwhile is told only when time runs out. */
export async function until(isSo: () => Promise<boolean>, deadlineMs = 60_000): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    let failure: unknown
    try {
      if (await isSo()) return
    } catch (cause) {
      failure = cause
    }
    if (Date.now() > deadline) throw new Error('it did not become so in time', { cause: failure })
    await wait(50)
  }
}
