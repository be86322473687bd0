import type { BarName } from '../bars.ts'
import type { CaseReport, Section } from '../section.ts'
import { median } from '../statistics.ts'
import { type FanOutResult, startFanOut } from './fan-out-server.ts'

const name = 'fan-out'
const sockets = 300
const framesPerTick = { fanOut1: 1, fanOut4: 4 } as const satisfies Partial<Record<BarName, number>>

interface Round {
  bare: FanOutResult
  product: FanOutResult
}

/** What it costs a node to write what it heard to all sockets of a room, beside `io.to(room).emit` of the same Socket.IO. */
export const fanOutSection: Section = {
  cases: [name],
  async measure({ rounds: count, warmUpMs, seconds, tell }) {
    using stock = await startFanOut('stock', sockets)
    using product = await startFanOut('product', sockets)
    const report: CaseReport = {
      name,
      readings: [],
      tables: [
        {
          title: `Fan-out to ${sockets} sockets, µs of CPU a frame`,
          head: ['frames per socket and tick', 'stock', 'Parley'],
          rows: [],
        },
      ],
      notes: [],
      voids: [],
      rounds: {},
    }
    const allRounds: Record<string, Round[]> = {}
    for (const [bar, frames] of Object.entries(framesPerTick) as [keyof typeof framesPerTick, number][]) {
      for (const server of [stock, product]) await server.run({ framesPerTick: frames, forMs: warmUpMs })
      const rounds: Round[] = []
      for (let round = 1; round <= count; round++) {
        const request = { framesPerTick: frames, forMs: (seconds * 1_000) / 2 }
        rounds.push({ bare: await stock.run(request), product: await product.run(request) })
      }
      const us = (side: keyof Round) => median(rounds.map((round) => 1_000_000 / perCpuSecond(round[side])))
      const row = [String(frames), us('bare').toFixed(1), us('product').toFixed(1)]
      tell(`${name}, ${row[0]} a tick: stock ${row[1]} µs, Parley ${row[2]} µs a frame`)
      report.tables[0]?.rows.push(row)
      report.readings.push({
        bar,
        rounds: rounds.map((round) => ({
          bare: perCpuSecond(round.bare),
          product: perCpuSecond(round.product),
        })),
      })
      allRounds[bar] = rounds
    }
    return [{ ...report, rounds: allRounds }]
  },
}

const perCpuSecond = ({ frames, cpuMs }: FanOutResult) => (frames * 1_000) / cpuMs
