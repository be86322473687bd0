import { runBench } from '../run-bench.ts'
import type { Section } from '../section.ts'
import { type StormCase, statementsEach } from './report.ts'

const name = 'storm'
const rooms = 10

/** All sockets of a gateway that is killed come back to another, beside bare handshakes. */
export const stormSection: Section = {
  cases: [name],
  async measure({ rounds: count, stormSockets, tell }) {
    tell(`${name}: ${stormSockets} sockets`)
    const args = ['--only', 'bare,kill', '--rounds', count, '--sockets', stormSockets, '--rooms', rooms]
    const { cases } = (await runBench('storm', args.map(String))) as { cases: StormCase[] }
    const roundsOf = (of: StormCase['name']) => cases.find((it) => it.name === of)?.rounds ?? []
    const [bare, kill] = [roundsOf('bare'), roundsOf('kill')]
    const lost = kill.reduce((sum, { lacking = 0 }) => sum + lacking, 0)
    const seconds = (ms = Number.NaN) => (ms / 1_000).toFixed(2)
    return [
      {
        name,
        readings: [
          {
            bar: 'stormTime',
            rounds: kill.map(({ tookMs }, i) => ({
              product: tookMs / 1_000,
              bare: (bare[i]?.tookMs ?? Number.NaN) / 1_000,
            })),
          },
          { bar: 'stormStatements', rounds: kill.map((round) => ({ product: statementsEach(round) })) },
        ],
        tables: [
          {
            title: `Storm of ${stormSockets} sockets in ${rooms} groups of 50 each, seconds from the loss of their gateway`,
            head: ['round', 'bare, all back', 'back p99', 'synced p99', 'all synced', 'statements each'],
            rows: kill.map((round, i) => [
              String(i + 1),
              seconds(bare[i]?.tookMs),
              seconds(round.backMs.p99),
              seconds(round.syncedMs.p99),
              seconds(round.tookMs),
              statementsEach(round).toFixed(2),
            ]),
          },
        ],
        notes: [],
        voids: lost > 0 ? [`${lost} entries were not seen by somebody who should`] : [],
        rounds: cases,
      },
    ]
  },
}
