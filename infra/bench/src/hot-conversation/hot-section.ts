import { startBenchStack } from '../bench-stack.ts'
import type { Section } from '../section.ts'
import { loadReport, totalCpuUs } from '../send/load-report.ts'
import { allBut, useStack } from '../send/product-contender.ts'
import { type LoadResult, runLoad, warmUp } from '../send/run-load.ts'
import { median } from '../statistics.ts'
import { whileStopped } from '../while-stopped.ts'
import { runTransactions, type TransactionsResult } from './run-transactions.ts'

const name = 'hot conversation'
/** All in one conversation, so every message goes to so many sockets. */
const members = 4
const window = 128

/** One conversation that everybody writes into, from socket to socket, beside a loop of transactions that tells nobody. */
export const hotSection: Section = {
  cases: [name],
  async measure({ rounds: count, warmUpMs, seconds, tell }) {
    await using stack = await startBenchStack()
    const product = useStack(stack)
    const load = { groups: 1, size: members, window }
    await warmUp(product, load)
    const times = { warmUpMs, measureMs: seconds * 1_000 }
    const rounds: { bare: TransactionsResult; product: LoadResult }[] = []
    for (let round = 1; round <= count; round++) {
      const both = {
        bare: await whileStopped(allBut(product, 'postgres'), () => runTransactions(stack, times)),
        product: await runLoad(product, { ...load, ...times }),
      }
      rounds.push(both)
      tell(
        `${name}, round ${round}: transactions ${both.bare.messagesPerSecond.toFixed(0)}/s, Parley ${both.product.messagesPerSecond.toFixed(0)}/s`,
      )
    }
    const side = { name: 'Parley', results: rounds.map((round) => round.product) }
    const report = loadReport(name, [side], side)
    return [
      {
        ...report,
        readings: [
          {
            bar: 'hotConversation',
            rounds: rounds.map(({ bare, product: { messagesPerSecond } }) => ({
              product: messagesPerSecond,
              bare: bare.messagesPerSecond,
            })),
          },
        ],
        notes: [
          ...report.notes,
          `CPU per message: Parley ${median(side.results.map(totalCpuUs)).toFixed(0)} µs, one transaction per message ${median(rounds.map(({ bare }) => bare.cpuUsPerMessage.program + bare.cpuUsPerMessage.postgres)).toFixed(0)} µs (client and Postgres)`,
        ],
        rounds,
      },
    ]
  },
}
