import { expect, test } from 'vitest'
import { createSchedule } from './schedule.ts'

test('messages are due at even distances from the start on, whether or not somebody looks', () => {
  const { dueAt, dueBy } = createSchedule(200, 1_000)
  expect([0, 1, 2].map(dueAt)).toEqual([1_000, 1_005, 1_010])
  expect([999, 1_000, 1_004.9, 1_005, 2_000].map(dueBy)).toEqual([0, 1, 1, 2, 201])
})

test('what is due by the moment a message is due is that message and all before it', () => {
  const { dueAt, dueBy } = createSchedule(1_000, 5)
  for (const n of [0, 1, 17, 999]) expect(dueBy(dueAt(n))).toBe(n + 1)
})
