import { expect, test, vi } from 'vitest'
import { createLull } from './lull.ts'

test('a report waits until nothing goes out any more, and not at all where nothing does', async () => {
  const lull = createLull(60_000)
  await lull.wait()
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const held = [lull.hold(() => first.promise), lull.hold(() => second.promise)]
  const reported = vi.fn<() => void>()
  const waiting = lull.wait().then(reported)
  first.resolve()
  await held[0]
  expect(reported).not.toHaveBeenCalled()
  second.reject(new Error('a job that fails'))
  await expect(held[1]).rejects.toThrow('a job that fails')
  await waiting
})

test('P10 a report waits no longer than it may, whatever else goes on', async () => {
  vi.useFakeTimers()
  const lull = createLull(500)
  void lull.hold(() => new Promise(() => {}))
  const reported = vi.fn<() => void>()
  void lull.wait().then(reported)
  expect(lull.waiting).toBe(1)
  await vi.advanceTimersByTimeAsync(500)
  expect(reported).toHaveBeenCalledOnce()
  // Under a load that never ends nothing may gather.
  expect(lull.waiting).toBe(0)
  vi.useRealTimers()
})
