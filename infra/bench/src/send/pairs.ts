import type { Reading } from '../section.ts'
import type { Side } from './load-report.ts'
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

/** A bar's figures of each round. */
export function readingOf(bar: Reading['bar'], pairs: Pair[], of: (result: LoadResult) => number): Reading {
  return { bar, rounds: pairs.map(({ bare, product }) => ({ product: of(product), bare: of(bare) })) }
}

/** Both by the names they go by. */
export function sidesOf(
  pairs: Pair[],
  names: { bare: string; product: string },
): [bare: Side, product: Side] {
  return [
    { name: names.bare, results: pairs.map(({ bare }) => bare) },
    { name: names.product, results: pairs.map(({ product }) => product) },
  ]
}
