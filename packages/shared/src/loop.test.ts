import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { startLoop } from './loop.ts'

test('a round that is hurried begins at once, but not more often than rounds come by themselves', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  const round = vi.fn<() => Promise<void>>(async () => {})
  const loop = startLoop({ log: pino({ level: 'silent' }), name: 'test', everyMs: 1_000 }, round)
  const turn = () => vi.advanceTimersByTimeAsync(0)
  loop.soon()
  await turn()
  expect(round).toHaveBeenCalledTimes(1)
  loop.soon()
  await turn()
  expect(round).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1_250)
  expect(round).toHaveBeenCalledTimes(2)
  loop.soon()
  await turn()
  expect(round).toHaveBeenCalledTimes(3)
  await loop[Symbol.asyncDispose]()
  loop.soon()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(round).toHaveBeenCalledTimes(3)
  vi.useRealTimers()
})
