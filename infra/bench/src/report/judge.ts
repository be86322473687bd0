import { type Bar, type BarName, bars } from '../bars.ts'
import type { CaseReport, Reading } from '../section.ts'
import { median } from '../statistics.ts'

export interface Verdict extends Bar {
  id: BarName
  /** Medians of the rounds. */
  product: number
  bare?: number | undefined
  /** What is held against the goal: the median of what each round's figures make of each other, not of all rounds'. */
  measured: number
  lowest: number
  highest: number
  outcome: 'met' | 'missed' | 'void'
}

/** How the bars stand that were measured. One is void if a round of its case was. */
export function judge(reports: CaseReport[]): Verdict[] {
  return reports.flatMap(({ readings, voids }) =>
    readings
      .filter(({ rounds }) => rounds.length > 0)
      .map((reading) => judgeReading(reading, { isVoid: voids.length > 0 })),
  )
}

function judgeReading({ bar, rounds }: Reading, { isVoid }: { isVoid: boolean }): Verdict {
  const declared: Bar = bars[bar]
  const beside = declared.beside === undefined ? undefined : rounds.map(({ bare = Number.NaN }) => bare)
  const product = rounds.map((round) => round.product)
  const values = beside ? product.map((value, i) => value / (beside[i] ?? Number.NaN)) : product
  const measured = median(values)
  const isMet = declared.direction === 'at least' ? measured >= declared.goal : measured <= declared.goal
  return {
    id: bar,
    ...declared,
    product: median(product),
    bare: beside && median(beside),
    measured,
    lowest: Math.min(...values),
    highest: Math.max(...values),
    // Nothing takes less than nothing: then it was not this that was measured.
    outcome: isVoid || !(measured >= 0) ? 'void' : isMet ? 'met' : 'missed',
  }
}
