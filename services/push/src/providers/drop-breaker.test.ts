import { expect, test } from 'vitest'
import { createDropBreaker } from './drop-breaker.ts'

test('a topic that is configured wrong costs ten tokens and no more', () => {
  const breaker = createDropBreaker()
  const dropped = Array.from({ length: 1_000 }, () => breaker.mayDrop()).filter(Boolean)
  expect(dropped).toHaveLength(10)
})

test('tokens that die among many live ones are dropped', () => {
  const breaker = createDropBreaker()
  let dropped = 0
  for (let i = 1; i <= 1_000; i++) {
    if (i % 20 === 0 && breaker.mayDrop()) dropped++
    else breaker.accepted()
  }
  expect(dropped).toBe(50)
})

test('drops are allowed again when the windows have passed', () => {
  let now = 0
  const breaker = createDropBreaker(() => now)
  for (let i = 0; i < 20; i++) breaker.mayDrop()
  now = 11 * 60_000
  expect(breaker.mayDrop()).toBe(false)
  now = 31 * 60_000
  expect(breaker.mayDrop()).toBe(true)
})
