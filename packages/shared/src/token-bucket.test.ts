import { expect, test } from 'vitest'
import { createTokenBucket } from './token-bucket.ts'

test('gives its burst at once, then one for each interval, and says how long to wait', () => {
  let time = 0
  const bucket = createTokenBucket({ perSecond: 10, burst: 3 }, () => time)
  expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0])
  expect(bucket.take()).toBe(100)
  time = 100
  expect([bucket.take(), bucket.take()]).toEqual([0, 100])
  time = 100_000
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0, 100])
})
