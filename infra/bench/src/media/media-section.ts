import { runBench } from '../run-bench.ts'
import type { CaseReport, Section } from '../section.ts'
import { median } from '../statistics.ts'
import type { MediaReport } from './report.ts'

const name = 'media'

/** Photos from completed to `ready` beside a bare loop of sharp, and what many uploads at once hold. */
export const mediaSection: Section = {
  cases: [name],
  async measure({ rounds: count, photos, parallelUploads, tell }) {
    tell(`${name}: ${photos} photos a round, then ${parallelUploads} at once`)
    const args = [
      '--only',
      'throughput,memory',
      '--rounds',
      count,
      '--photos',
      photos,
      '--parallel',
      parallelUploads,
    ]
    const { throughput, memory } = (await runBench('media', args.map(String))) as MediaReport
    const rounds = throughput?.rounds ?? []
    const cpu = median(rounds.map(({ bare, product }) => product.cpuMs / bare.cpuMs))
    const readings: CaseReport['readings'] = [
      {
        bar: 'thumbnails',
        rounds: rounds.map(({ bare, product }) => ({ product: product.perSecond, bare: bare.perSecond })),
      },
    ]
    if (memory) readings.push({ bar: 'mediaMemory', rounds: [{ product: memory.residentBytes / 1024 ** 2 }] })
    return [
      {
        name,
        readings,
        tables: [],
        notes: [
          `${cpu.toFixed(2)} × the CPU of bare sharp; memory is that of ${parallelUploads} uploads of 20 MP at once (the bar's own amount is 100)`,
        ],
        voids: [],
        rounds: { throughput, memory },
      },
    ]
  },
}
