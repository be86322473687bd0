import type { CaseReport, Reading, Table } from '../section.ts'
import { median } from '../statistics.ts'
import type { LoadResult } from './run-load.ts'

/** A round of each of two, in turn. */
export interface Pair {
  bare: LoadResult
  product: LoadResult
}

/** Runs both in turn, as often as wanted. */
export async function inTurn(
  rounds: number,
  sides: { bare: () => Promise<LoadResult>; product: () => Promise<LoadResult> },
  tell: (pair: Pair, round: number) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let round = 1; round <= rounds; round++) {
    const pair = { bare: await sides.bare(), product: await sides.product() }
    pairs.push(pair)
    tell(pair, round)
  }
  return pairs
}

export const totalCpuUs = ({ cpuUsPerMessage }: LoadResult) =>
  Object.values(cpuUsPerMessage).reduce((sum, us) => sum + us, 0)

/** A bar's figures of each round. */
export function readingOf(bar: Reading['bar'], pairs: Pair[], of: (result: LoadResult) => number): Reading {
  return { bar, rounds: pairs.map(({ bare, product }) => ({ product: of(product), bare: of(bare) })) }
}

/** The report of a case whose sides are called so. */
export function reportOf(
  name: string,
  names: { bare: string; product: string },
  pairs: Pair[],
  readings: Reading[],
): CaseReport {
  const sides = (['bare', 'product'] as const).map((side) => ({
    name: names[side],
    results: pairs.map((pair) => pair[side]),
  }))
  const disturbed = Math.max(...pairs.flatMap(({ bare, product }) => [bare.otherShare, product.otherShare]))
  return {
    name,
    readings,
    tables: [
      loadTable(name, sides),
      budgetTable(name, names.product, sides.find((side) => side.name === names.product)?.results ?? []),
    ],
    notes:
      disturbed > mostForOthers
        ? [`others had up to ${(disturbed * 100).toFixed(0)} % of the machine meanwhile`]
        : [],
    voids: sides.flatMap((side) =>
      side.results.flatMap(({ voids }, i) => voids.map((why) => `${side.name}, round ${i + 1}: ${why}`)),
    ),
    rounds: pairs,
  }
}

const mostForOthers = 0.1

function loadTable(name: string, sides: { name: string; results: LoadResult[] }[]): Table {
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

function budgetTable(name: string, side: string, results: LoadResult[]): Table {
  const us = (part: string) =>
    median(results.map(({ cpuUsPerMessage }) => cpuUsPerMessage[part] ?? 0)).toFixed(0)
  return {
    title: 'CPU by part, µs a message',
    head: ['case', 'by', 'gateways', 'messages', 'Postgres', 'Redis', 'push, media, origin'],
    rows: [[name, side, ...['gateways', 'messages', 'postgres', 'redis', 'others'].map((part) => us(part))]],
  }
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`
