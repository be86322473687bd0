import { expect, test, vi } from 'vitest'
import { createDeadlines } from './deadlines.ts'

test('a promise settles as it does, unless it takes too long', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  const { within, begin } = createDeadlines(1_000)
  const late = within(new Promise<string>(() => {}))
  const good = within(Promise.resolve('in time'))
  const bad = within(Promise.reject(new Error('its own')))
  await expect(good).resolves.toBe('in time')
  await expect(bad).rejects.toThrow('its own')
  const heard: string[] = []
  begin(() => heard.push('too late'))
  begin(() => heard.push('never'))()
  const settled = Promise.allSettled([late])
  vi.advanceTimersByTime(1_300)
  expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'deadline_exceeded' } }])
  expect(heard).toEqual(['too late'])
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})
