import type { CaseReport, Table } from '../section.ts'
import { median } from '../statistics.ts'
import type { LoadResult } from './run-load.ts'

/** Who passed the messages on, round by round. */
export interface Side {
  name: string
  results: LoadResult[]
}

const mostForOthers = 0.1
/** An event loop that is busier has no time left, be it because others have the cores. */
const busiestLoop = 0.95

export const totalCpuUs = ({ cpuUsPerMessage }: LoadResult) =>
  Object.values(cpuUsPerMessage).reduce((sum, us) => sum + us, 0)

/** What rounds of load found: all sides in one table, and by part what those cost whose CPU is broken down. */
export function loadReport(
  name: string,
  sides: Side[],
  ...brokenDown: Side[]
): Omit<CaseReport, 'readings' | 'rounds'> {
  return {
    name,
    tables: [loadTable(name, sides), budgetTable(name, brokenDown)],
    notes: notesOf(sides.flatMap(({ results }) => results)),
    voids: sides.flatMap((side) =>
      side.results.flatMap(({ voids }, i) => voids.map((why) => `${side.name}, round ${i + 1}: ${why}`)),
    ),
  }
}

function notesOf(results: LoadResult[]): string[] {
  const disturbed = Math.max(...results.map(({ otherShare }) => otherShare))
  const busiest = Math.max(...results.map(({ generator }) => generator.busyShare))
  return [
    ...(disturbed > mostForOthers ? [`others had up to ${percent(disturbed)} of the machine meanwhile`] : []),
    ...(busiest > busiestLoop
      ? [`the generator's event loop was busy for up to ${percent(busiest)} of the time`]
      : []),
  ]
}

function loadTable(name: string, sides: Side[]): Table {
  return {
    title: 'Sending',
    head: [
      'case',
      'by',
      'messages/s',
      'deliveries/s',
      'CPU, µs a message',
      'acknowledged p50 / p99, ms',
      'received p50 / p99, ms',
      'generator: CPU, event loop, late p99 in ms',
    ],
    rows: sides.map((side) => {
      const mid = (of: (result: LoadResult) => number) => median(side.results.map(of))
      const late = mid(({ generator }) => generator.latenessMs.p99)
      return [
        name,
        side.name,
        mid((it) => it.messagesPerSecond).toFixed(0),
        mid((it) => it.deliveriesPerSecond).toFixed(0),
        mid(totalCpuUs).toFixed(0),
        `${mid(({ ackMs }) => ackMs.p50).toFixed(1)} / ${mid(({ ackMs }) => ackMs.p99).toFixed(1)}`,
        `${mid(({ receiveMs }) => receiveMs.p50).toFixed(1)} / ${mid(({ receiveMs }) => receiveMs.p99).toFixed(1)}`,
        [
          percent(mid(({ generator }) => generator.cpuShare)),
          percent(mid(({ generator }) => generator.busyShare)),
          ...(Number.isNaN(late) ? [] : [late.toFixed(1)]),
        ].join(', '),
      ]
    }),
  }
}

function budgetTable(name: string, sides: Side[]): Table {
  const parts = ['gateways', 'messages', 'postgres', 'redis', 'others']
  return {
    title: 'CPU by part, µs a message',
    head: ['case', 'by', 'gateways', 'messages', 'Postgres', 'Redis', 'push, media, origin'],
    rows: sides.map((side) => [
      name,
      side.name,
      ...parts.map((part) =>
        median(side.results.map(({ cpuUsPerMessage }) => cpuUsPerMessage[part] ?? 0)).toFixed(0),
      ),
    ]),
  }
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`
