import type { Logger } from 'pino'

/** What goes on after its job has ended, because a provider was too slow to be waited for. Disposing waits for it. */
export function createLateWork(log: Logger) {
  const underWay = new Set<Promise<void>>()
  return {
    add(work: Promise<void>): void {
      const done: Promise<void> = work
        .catch((err: unknown) => log.warn({ err }, 'what a slow provider answered could not be kept'))
        .finally(() => underWay.delete(done))
      underWay.add(done)
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(underWay)
    },
  }
}

export type LateWork = ReturnType<typeof createLateWork>
