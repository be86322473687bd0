import { expect, test } from 'vitest'
import { findVoids, type Findings } from './find-voids.ts'

const clean: Findings = {
  unheard: 0,
  refused: 0,
  lost: [],
  receiveMs: { p50: 2, p99: 10 },
  generator: { cpuShare: 0.6, busyShare: 0.7, latenessMs: { p50: 0.5, p99: 2 } },
}

test('a run in which nothing was lost and the generator had time to spare counts', () => {
  expect(findVoids(clean)).toEqual([])
  const closedLoop = { ...clean.generator, latenessMs: { p50: Number.NaN, p99: Number.NaN } }
  expect(findVoids({ ...clean, generator: closedLoop })).toEqual([])
})

test.for<[string, Partial<Findings>]>([
  ['a delivery that never came', { unheard: 1 }],
  ['a message that was refused', { refused: 1 }],
  ['a connection that ended', { lost: ['reset'] }],
  ['a generator without CPU to spare', { generator: { ...clean.generator, cpuShare: 0.97 } }],
  ['a generator that was itself late', { generator: { ...clean.generator, latenessMs: { p50: 3, p99: 6 } } }],
])('%s makes it void, and the reason is told', ([, findings]) => {
  expect(findVoids({ ...clean, ...findings })).toHaveLength(1)
})
