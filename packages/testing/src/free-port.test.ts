import { expect, test } from 'vitest'
import { findFreePort } from './free-port.ts'

test('a port is given once, also before anybody listens there', async () => {
  // So many that chance alone would give one of them twice.
  const given = new Set<number>()
  for (let i = 0; i < 600; i++) given.add(await findFreePort())
  expect(given.size).toBe(600)
})
