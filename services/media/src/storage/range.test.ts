import { expect, test } from 'vitest'
import { readRange } from './range.ts'

const part = (start: number, end: number) => ({ kind: 'part', start, end })
const whole = { kind: 'whole' }
const unsatisfiable = { kind: 'unsatisfiable' }

test.for([
  [undefined, whole],
  ['bytes=0-0', part(0, 0)],
  ['bytes=0-', part(0, 9)],
  ['bytes=9-9', part(9, 9)],
  ['bytes=5-999', part(5, 9)],
  ['bytes=-3', part(7, 9)],
  ['bytes=-99', part(0, 9)],
  ['bytes=-0', unsatisfiable],
  ['bytes=10-', unsatisfiable],
  ['bytes=10-20', unsatisfiable],
  ['bytes=5-2', whole],
  ['bytes=0-1,3-4', whole],
  ['bytes=-', whole],
  ['bytes=a-b', whole],
  ['bytes=1e1-', whole],
  ['items=0-1', whole],
  [`bytes=0-${'9'.repeat(400)}`, whole],
] as const)('%s of ten bytes is read as %o', ([header, range]) => {
  expect(readRange(header, 10)).toEqual(range)
})

test('an object without bytes has no part', () => {
  expect(readRange('bytes=0-', 0)).toEqual(unsatisfiable)
  expect(readRange('bytes=-1', 0)).toEqual(unsatisfiable)
})
