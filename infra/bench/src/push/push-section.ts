import { runBench } from '../run-bench.ts'
import type { Section } from '../section.ts'
import { median } from '../statistics.ts'
import type { PushReport } from './report.ts'

const name = 'push'

/** The push service by itself, from its job to the provider's 200, beside a bare HTTP/2 client. */
export const pushSection: Section = {
  cases: [name],
  async measure({ rounds: count, recipients, tell }) {
    tell(`${name}: ${recipients} recipients`)
    const args = ['--only', 'push alone', '--rounds', count, '--recipients', recipients]
    const { cases } = (await runBench('push', args.map(String))) as PushReport
    const rounds = Object.values(cases)[0] ?? []
    const us = (side: 'bare' | 'parley') => median(rounds.map((round) => round[side].cpuUs['push'] ?? 0))
    return [
      {
        name,
        readings: [
          {
            bar: 'pushes',
            rounds: rounds.map(({ bare, parley }) => ({ product: parley.perSecond, bare: bare.perSecond })),
          },
        ],
        tables: [],
        notes: [
          `CPU a push: ${us('parley').toFixed(0)} µs, bare ${us('bare').toFixed(0)} µs; ${recipients} pushes a round, each answered 200`,
        ],
        voids: [],
        rounds,
      },
    ]
  },
}
