import fc from 'fast-check'

interface Runs {
  /** Of all strands together. */
  runs: number
  /** Cases that run side by side; each strand draws and shrinks its own. */
  atOnce: number
  /** A strand that takes longer is given up, with the smallest counter-example until then. */
  withinMs: number
}

/**
 * Holds something true of random cases. A failure tells the seed and the path of its case, and the case shrunk as
 * far as time allowed; `PROPERTY_SEED` and `PROPERTY_PATH` run just that one again.
 */
export async function checkProperty<T>(
  cases: fc.Arbitrary<T>,
  { runs, atOnce, withinMs }: Runs,
  holds: (it: T) => Promise<void>,
): Promise<void> {
  const { PROPERTY_SEED: seed, PROPERTY_PATH: path } = process.env
  if (seed !== undefined) {
    return fc.assert(fc.asyncProperty(cases, holds), {
      seed: Number(seed),
      ...(path ? { path } : {}),
      endOnFailure: true,
    })
  }
  const first = Date.now() % 2 ** 31
  const strands = Array.from({ length: atOnce }, (_, strand) =>
    fc.assert(fc.asyncProperty(cases, holds), {
      seed: first + strand,
      numRuns: Math.ceil(runs / atOnce),
      interruptAfterTimeLimit: withinMs,
      markInterruptAsFailure: true,
    }),
  )
  const failed = (await Promise.allSettled(strands)).find((strand) => strand.status === 'rejected')
  if (failed) throw failed.reason
}
