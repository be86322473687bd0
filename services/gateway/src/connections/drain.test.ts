import { expect, test } from 'vitest'
import { windowFor } from './drain.ts'

test.for([
  ['few sockets come back within five seconds', 300, 0, 4_500],
  ['many that are closed over a while do too', 5_000, 10_000, 4_500],
  ['many that are closed at once are spread', 5_000, 0, 10_000],
  ['nobody is away for longer than the promise allows', 50_000, 0, 15_000],
] as const)('P11 %s', ([, sockets, drainMs, expected]) => {
  expect(windowFor(sockets, drainMs)).toBe(expected)
})
