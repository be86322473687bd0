import { expect, test, vi } from 'vitest'
import { createSteps } from './steps.ts'

test('a few who come do not wait; those who come in a crowd go on in the same moment, within a step', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  const step = createSteps()
  let gone = 0
  const come = (count: number) => {
    for (let i = 0; i < count; i++) void step().then(() => gone++)
  }
  const settled = () => vi.advanceTimersByTimeAsync(0)

  come(5)
  await settled()
  expect(gone).toBe(5)

  come(500)
  await settled()
  expect(gone).toBeLessThan(20)
  await vi.advanceTimersByTimeAsync(25)
  expect(gone).toBe(505)

  // A crowd that goes on is still one.
  come(1)
  await settled()
  expect(gone).toBe(505)
  await vi.advanceTimersByTimeAsync(25)
  expect(gone).toBe(506)

  await vi.advanceTimersByTimeAsync(200)
  come(1)
  await settled()
  expect(gone).toBe(507)
  vi.useRealTimers()
})
