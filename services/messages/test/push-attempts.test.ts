import { describe, expect } from 'vitest'
import { turnAttemptDays } from '../src/deliveries/attempt-days.ts'
import { test } from './fixture.ts'

describe('push attempts', () => {
  test('P12 push attempts are kept for two weeks, in a partition for each day', async ({ service }) => {
    const days = async () =>
      (
        await service.ctx.pool.query<{ name: string }>(
          `select relname as name from pg_class where relkind = 'r' and relname ~ '^push_attempt_[0-9]+$' order by 1`,
        )
      ).rows.map(({ name }) => name)
    await turnAttemptDays(service.ctx.db, new Date('2030-01-01T12:00:00Z'))
    const ahead = ['push_attempt_20300102', 'push_attempt_20300103', 'push_attempt_20300104']
    expect(await days()).toEqual(ahead)
    await service.ctx.pool.query(
      `insert into push_attempt select '2030-01-03T10:00:00Z', 'c', 1, 'u', 'd', 'apns', 'accepted', null, null, true`,
    )
    const there = await service.ctx.pool.query('select 1 from push_attempt_20300103')
    expect(there.rows).toHaveLength(1)
    await turnAttemptDays(service.ctx.db, new Date('2030-01-17T12:00:00Z'))
    expect(await days()).toEqual([
      'push_attempt_20300103',
      'push_attempt_20300104',
      'push_attempt_20300118',
      'push_attempt_20300119',
      'push_attempt_20300120',
    ])
  })
})
