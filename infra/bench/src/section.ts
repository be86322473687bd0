import type { BarName } from './bars.ts'
import type { Settings } from './settings.ts'

/** Cases that share what has to be set up for them. */
export interface Section {
  cases: readonly string[]
  /** Measures those of its cases that are wanted. */
  measure: (settings: Settings) => Promise<CaseReport[]>
}

export interface CaseReport {
  name: string
  readings: Reading[]
  tables: Table[]
  /** What a reader must know before believing the figures. */
  notes: string[]
  /** Why the figures do not count. */
  voids: string[]
  /** Each round as it was measured, for the JSON report. */
  rounds: unknown
}

/** A bar's figures, one of each round. */
export interface Reading {
  bar: BarName
  rounds: { product: number; bare?: number }[]
}

export interface Table {
  title: string
  head: string[]
  rows: string[][]
}
