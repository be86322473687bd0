import { expect, test } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

const now = Date.UTC(2030, 0, 1)

test.for([
  ['seconds', '120', 120_000],
  ['a date', new Date(now + 90_000).toUTCString(), 90_000],
  ['a date gone by', new Date(now - 90_000).toUTCString(), 0],
  ['more than an hour', '86400', 3_600_000],
  ['nonsense', 'soon', undefined],
  ['nothing', undefined, undefined],
] as const)('reads %s', ([, header, expected]) => {
  expect(retryAfterMs(header, now)).toBe(expected)
})
