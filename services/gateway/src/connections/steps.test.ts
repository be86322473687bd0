import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSteps } from './steps.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_000_010 }))
afterEach(() => void vi.useRealTimers())

/** Counts who has gone on, in order. */
function watched({ enough }: { enough?: number } = {}) {
  const steps = createSteps({ crowd: 8, ...(enough ? { enough } : {}) })
  const gone: number[] = []
  let came = 0
  const come = (count: number) => {
    for (let i = 0; i < count; i++) {
      const number = ++came
      steps.join(() => gone.push(number))
    }
  }
  return { steps, gone, come }
}

test('a few who come do not wait; a crowd goes on in the same moment, in order, when the step ends by the clock', () => {
  const { gone, come } = watched()
  come(5)
  expect(gone).toHaveLength(5)
  come(500)
  expect(gone).toHaveLength(7)
  vi.advanceTimersByTime(14)
  expect(gone).toHaveLength(7)
  vi.advanceTimersByTime(1)
  expect(Date.now() % 25).toBe(0)
  expect(gone).toEqual(Array.from({ length: 505 }, (_, i) => i + 1))

  // A crowd that goes on is still one.
  come(1)
  expect(gone).toHaveLength(505)
  vi.advanceTimersByTime(25)
  expect(gone).toHaveLength(506)

  vi.advanceTimersByTime(200)
  come(1)
  expect(gone).toHaveLength(507)
  expect(vi.getTimerCount()).toBe(0)
})

test('enough of them, or whoever ends the step, lets them go on before its time', () => {
  const { steps, gone, come } = watched({ enough: 10 })
  come(16)
  expect(gone).toHaveLength(7)
  come(1)
  expect(gone).toHaveLength(17)
  expect(vi.getTimerCount()).toBe(0)
  come(3)
  expect(gone).toHaveLength(17)
  steps.end()
  expect(gone).toHaveLength(20)
  steps.end()
  expect(gone).toHaveLength(20)
  expect(vi.getTimerCount()).toBe(0)
})

test('who comes while a step ends waits for the next', () => {
  const { steps, gone, come } = watched()
  come(8)
  steps.join(() => come(1))
  steps.end()
  expect(gone).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  vi.advanceTimersByTime(25)
  expect(gone).toHaveLength(9)
})
