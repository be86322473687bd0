import { randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import { encodeEvent, userRoom } from '@parley/shared/realtime'
import { io } from 'socket.io-client'
import { expect, vi } from 'vitest'
import { connectClient, refusedWith, test } from './fixture.ts'

test.for([[['polling', 'websocket']], [['polling']], [['websocket']]] as const)(
  'A1.3 over %j every event comes once and in order, also while the transport changes',
  async ([transports], { a, issuer, announcer, onTestFinished }) => {
    const userId = `user-${uuid()}` as UserId
    const socket = io(a.url, {
      transports: [...transports],
      reconnection: false,
      forceNew: true,
      auth: { token: await issuer.sign({ userId, deviceId: 'web' }) },
    })
    onTestFinished(() => void socket.disconnect())
    const heard: number[] = []
    socket.on('entry:new', ({ entry }: { entry: { seq: number } }) => heard.push(entry.seq))
    let rung = 0
    const ring = () => {
      const text = encodeEvent('entry:new', { entry: { seq: ++rung }, summary: {} } as never)
      return announcer.ring([{ room: userRoom(userId), text }])
    }
    await new Promise<void>((resolve) => socket.on('connect', resolve))
    const last = transports.at(-1)
    // A few are always on their way.
    while (socket.io.engine.transport.name !== last || rung < 200) {
      await ring()
      await vi.waitUntil(() => heard.length >= rung - 5, { interval: 1 })
    }
    for (let i = 0; i < 50; i++) await ring()
    await vi.waitUntil(() => heard.length >= rung)
    expect(heard).toEqual(Array.from({ length: rung }, (_, i) => i + 1))
  },
)

test('A1.2 a node that is full refuses at once and says when to come back; who is there stays', async ({
  start,
  issuer,
}) => {
  await using node = await start('full', { MAX_CONNECTIONS: '1' })
  await using first = await connectClient(node.url, issuer)
  const token = await issuer.sign({ userId: `user-${uuid()}` })
  const { data } = await refusedWith(node.url, { token })
  expect(data).toMatchObject({
    code: 'overloaded',
    retryable: true,
    retryAfterMs: expect.any(Number) as number,
  })
  expect(first.socket.connected).toBe(true)
})
