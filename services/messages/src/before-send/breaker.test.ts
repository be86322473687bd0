import { expect, test } from 'vitest'
import { createBreaker } from './breaker.ts'

test('after five failures in a row nothing is asked for five seconds, then one question decides', () => {
  let time = 0
  const breaker = createBreaker({ now: () => time })
  for (let i = 0; i < 4; i++) breaker.failed()
  breaker.succeeded()
  for (let i = 0; i < 4; i++) breaker.failed()
  expect(breaker.mayAsk()).toBe(true)
  breaker.failed()
  expect(breaker.mayAsk()).toBe(false)
  time = 5_000
  expect([breaker.mayAsk(), breaker.mayAsk()]).toEqual([true, false])
  breaker.failed()
  expect(breaker.mayAsk()).toBe(false)
  time = 10_000
  expect(breaker.mayAsk()).toBe(true)
  breaker.succeeded()
  expect([breaker.mayAsk(), breaker.mayAsk(), breaker.isOpen]).toEqual([true, true, false])
})
