import { expect, test } from 'vitest'
import { createPause } from './pause.ts'

test('rests longer each time it is refused, up to five minutes, and short again after a success', () => {
  let now = 0
  const pause = createPause(() => now)
  const strike = () => {
    pause.strike()
    const restMs = pause.remainingMs()
    now += restMs
    return restMs
  }
  expect([1, 2, 3, 4, 5, 6].map(strike)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000])
  pause.accepted()
  expect(strike()).toBe(30_000)
})

test('counts refusals that arrive together as one', () => {
  const pause = createPause(() => 0)
  for (let i = 0; i < 100; i++) pause.strike()
  expect(pause.remainingMs()).toBe(30_000)
})

test('rests as long as the provider says, and never shorter for a second word', () => {
  const pause = createPause(() => 0)
  pause.restFor(60_000)
  pause.restFor(1_000)
  expect(pause.remainingMs()).toBe(60_000)
})
