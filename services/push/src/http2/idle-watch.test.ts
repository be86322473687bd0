import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { watchIdle } from './idle-watch.ts'

test('P10 a session that was destroyed a moment ago is not pinged, which would end the process', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(session, 'connect')
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  using _watch = watchIdle(session, {
    idleCloseMs: 10_000,
    ping: { afterIdleMs: 100, limitMs: 50 },
    isIdle: () => true,
    expired: () => {},
    dead: () => {},
  })
  session.destroy()
  expect(() => vi.advanceTimersByTime(1_000)).not.toThrow()
})
