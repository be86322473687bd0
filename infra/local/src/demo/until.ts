import { setTimeout as wait } from 'node:timers/promises'

/** Looks again and again until it is so; throws, naming what it waited for, when it takes too long. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await wait(50)
  }
}
