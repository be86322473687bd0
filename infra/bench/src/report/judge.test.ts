import { expect, test } from 'vitest'
import type { CaseReport } from '../section.ts'
import { judge } from './judge.ts'

const reportOf = (readings: CaseReport['readings'], voids: string[] = []): CaseReport => ({
  name: 'a case',
  readings,
  tables: [],
  notes: [],
  voids,
  rounds: [],
})

test('a ratio is the median of the ratios of rounds, so a slow moment of the machine falls on both sides', () => {
  const rounds = [
    { product: 120, bare: 100 },
    { product: 30, bare: 20 },
    { product: 90, bare: 100 },
  ]
  const [verdict] = judge([reportOf([{ bar: 'direct', rounds }])])
  expect(verdict).toMatchObject({ product: 90, bare: 100, measured: 1.2, lowest: 0.9, highest: 1.5 })
  expect(verdict?.outcome).toBe('met')
})

test.for([
  ['direct', 100, 101, 'missed'],
  ['direct', 101, 101, 'met'],
  ['cpuSaturated', 80, 100, 'met'],
  ['cpuSaturated', 81, 100, 'missed'],
] as const)('%s with %d beside %d is %s', ([bar, product, bare, outcome]) => {
  expect(judge([reportOf([{ bar, rounds: [{ product, bare }] }])])[0]?.outcome).toBe(outcome)
})

test('a figure that stands for itself is held against its goal as it is', () => {
  const [verdict] = judge([reportOf([{ bar: 'halfRateMs', rounds: [{ product: 26 }, { product: 24 }] }])])
  expect(verdict).toMatchObject({ measured: 25, bare: undefined, outcome: 'met' })
})

test('nothing of a case that is void, that has no figure beside it or that took less than nothing, is met', () => {
  const rounds = [{ product: 2, bare: 1 }]
  expect(judge([reportOf([{ bar: 'direct', rounds }], ['a message was lost'])])[0]?.outcome).toBe('void')
  expect(judge([reportOf([{ bar: 'direct', rounds: [{ product: 2 }] }])])[0]?.outcome).toBe('void')
  const less = [{ product: -1, bare: 15 }]
  expect(judge([reportOf([{ bar: 'idleMemory', rounds: less }])])[0]?.outcome).toBe('void')
})
