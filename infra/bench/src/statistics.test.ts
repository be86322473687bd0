import { expect, test } from 'vitest'
import { median, percentile, slope } from './statistics.ts'

test.for([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
] as const)('the median of %j is %d, whatever their order', ([values, middle]) => {
  expect(median([...values])).toBe(middle)
})

test('a percentile is a value that was measured, the smallest that enough of them do not exceed', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(percentile(hundred, 0.5)).toBe(50)
  expect(percentile(hundred, 0.99)).toBe(99)
  expect(percentile(hundred, 1)).toBe(100)
  expect(percentile([5], 0.99)).toBe(5)
})

test('of nothing there is neither a median nor a percentile', () => {
  expect(median([])).toBeNaN()
  expect(percentile([], 0.5)).toBeNaN()
})

test('a slope leaves out what is there without any of them', () => {
  expect(slope([1, 2, 3].map((x) => ({ x, y: 1_000 + 20 * x })))).toBeCloseTo(20)
})
