import type { BarName } from '../bars.ts'
import type { Reading } from '../section.ts'
import { loadReport, type Side, totalCpuUs } from '../send/load-report.ts'
import { readingOf } from '../send/pairs.ts'
import type { LoadResult } from '../send/run-load.ts'
import { median } from '../statistics.ts'

/** One of what grows: two gateways, 200 users, empty logs; and the same with more of something. */
export interface Grown<T> {
  small: T
  large: T
}

export interface Round {
  product: Grown<LoadResult>
  relay?: Grown<LoadResult>
}

/** The large case beside the small one, and beside the relay's large one where the relay grew too. */
export function growthReadings(bars: GrowthBars, rounds: Round[]): Reading[] {
  const own = rounds.map(({ product }) => ({ bare: product.small, product: product.large }))
  const both = rounds.flatMap(({ product, relay }) =>
    relay ? [{ bare: relay.large, product: product.large }] : [],
  )
  return [
    readingOf(bars.besideSmall, own, totalCpuUs),
    ...(bars.besideRelay ? [readingOf(bars.besideRelay, both, totalCpuUs)] : []),
  ]
}

export interface GrowthBars {
  besideSmall: BarName
  besideRelay?: BarName
}

/** All in one table, and how much more a message cost than in the small case. */
export function growthReport(name: string, how: string, rounds: Round[]): ReturnType<typeof loadReport> {
  const relays = sidesOf('relay', relaysOf(rounds))
  const own = sidesOf(
    'Parley',
    rounds.map(({ product }) => product),
  )
  const report = loadReport(`${name}, ${how}`, [...relays, ...own], ...own)
  return { ...report, notes: [...report.notes, toldGrowth(how, rounds)] }
}

const relaysOf = (rounds: Round[]) => rounds.flatMap(({ relay }) => relay ?? [])

function sidesOf(name: string, grown: Grown<LoadResult>[]): Side[] {
  if (grown.length === 0) return []
  return [
    { name: `${name}, small case`, results: grown.map((it) => it.small) },
    { name: `${name}, large case`, results: grown.map((it) => it.large) },
  ]
}

const growthOf = ({ small: before, large }: Grown<LoadResult>) => totalCpuUs(large) / totalCpuUs(before)

function toldGrowth(how: string, rounds: Round[]): string {
  const relays = relaysOf(rounds)
  const grew = [
    `Parley ${median(rounds.map(({ product }) => growthOf(product))).toFixed(2)} ×`,
    ...(relays.length > 0 ? [`the relay ${median(relays.map(growthOf)).toFixed(2)} ×`] : []),
  ]
  return `${how}, a message cost of what it costs in the small case: ${grew.join(', ')}`
}

export function told({ product, relay }: Round): string {
  const of = (name: string, it: Grown<LoadResult>) =>
    `${name} ${totalCpuUs(it.small).toFixed(0)} µs, then ${totalCpuUs(it.large).toFixed(0)} µs a message`
  return [...(relay ? [of('relay', relay)] : []), of('Parley', product)].join('; ')
}
