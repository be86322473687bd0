import { randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { createPresenceLease } from '@parley/shared/presence'
import { expect } from 'vitest'
import { createBurial } from '../src/presence/burial.ts'
import { test as base } from './fixture.ts'

const leaseMs = 15_000

/** A gateway that says no more, and one that looks for such by a clock of its own. */
const test = base.extend('silent', async ({ redis }) => {
  const [gatewayId, userId] = [`silent-${uuid()}`, uuid() as UserId]
  const gone: UserId[] = []
  let now = 0
  const look = createBurial({
    redis,
    leaseMs,
    news: { add: (it) => void gone.push(it) },
    lastSeen: { add() {} },
    now: () => now,
  })
  const here = { sockets: 1, foreground: true }
  await createPresenceLease(redis, gatewayId, () => [[userId, here]], -1).renew()
  return {
    userId,
    gone,
    lookAfter: (ms: number): Promise<void> => {
      now += ms
      return look()
    },
  }
})

test('A9.1 the users of a gateway that was silent for most of a lease have gone, and are spoken for once', async ({
  silent: { userId, gone, lookAfter },
}) => {
  for (let passed = 0; passed <= leaseMs; passed += leaseMs / 6) await lookAfter(leaseMs / 6)
  expect(gone).toEqual([userId])
})

test('A9.1 a gateway is not taken for dead for what it did not say while Redis was away', async ({
  silent: { userId, gone, lookAfter },
}) => {
  await lookAfter(0)
  await lookAfter(2 * leaseMs)
  expect(gone).toEqual([])
  for (let passed = 0; passed <= leaseMs; passed += leaseMs / 6) await lookAfter(leaseMs / 6)
  expect(gone).toEqual([userId])
})
