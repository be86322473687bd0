import type { Quantiles } from './latencies.ts'
import type { GeneratorReport } from './watch-generator.ts'

/** A process with one thread has no more than a core; close to it, it is the generator that is measured. */
const highestCpuShare = 0.95
/** Of what the slowest hundredth took, at most so much may be the generator's own delay, unless that is little beside any goal. */
const highestLateShare = 0.5
const littleMs = 5

export interface Findings {
  unheard: number
  refused: number
  /** Why connections ended that nobody closed. */
  lost: string[]
  receiveMs: Quantiles
  generator: GeneratorReport
}

/** Why a run does not count: a message was lost or refused, a connection ended, or the generator was the limit. */
export function findVoids({ unheard, refused, lost, receiveMs, generator }: Findings): string[] {
  const late = generator.latenessMs.p99
  return [
    ...(unheard > 0 ? [`${unheard} deliveries of acknowledged messages did not come`] : []),
    ...(refused > 0 ? [`${refused} messages were refused`] : []),
    ...(lost.length > 0 ? [`${lost.length} connections ended: ${lost[0]}`] : []),
    ...(generator.cpuShare > highestCpuShare
      ? [`the generator was the limit: it used ${(generator.cpuShare * 100).toFixed(0)} % of a core`]
      : []),
    ...(late > Math.max(littleMs, receiveMs.p99 * highestLateShare)
      ? [
          `the generator was the limit: it wrote ${late.toFixed(1)} ms late (p99), of ${receiveMs.p99.toFixed(1)} ms measured`,
        ]
      : []),
  ]
}
