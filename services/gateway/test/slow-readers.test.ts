import { encodeEvent, userRoom } from '@parley/shared/realtime'
import { expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { connectClient, test as base } from './fixture.ts'

const test = base.extend('page', ({ messages }, { onCleanup }) => {
  const { handlers } = messages
  const stock = handlers['events/ask'] ?? expect.fail('no handler')
  onCleanup(() => {
    handlers['events/ask'] = stock
  })
  // 2 MB, which is more than may wait for a client.
  const entries = Array.from({ length: 200 }, (_, seq) => ({ seq, content: { text: 'x'.repeat(10_000) } }))
  const page = { entries, lastSeq: 0, complete: true }
  handlers['events/ask'] = () => page
  return page
})

interface DeafClient extends AsyncDisposable {
  say: (packets: string[]) => Promise<unknown>
}

/** Connects, and reads nothing of what it is told. */
async function connectDeaf(
  url: string,
  transport: 'websocket' | 'polling',
  token: string,
): Promise<DeafClient> {
  const hello = `40${JSON.stringify({ token })}`
  if (transport === 'websocket') {
    const raw = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
    await new Promise((resolve) => raw.once('open', resolve))
    raw.pause()
    raw.send(hello)
    return {
      say: async (packets) => packets.forEach((packet) => raw.send(packet)),
      [Symbol.asyncDispose]: async () => raw.terminate(),
    }
  }
  const base = `${url}/socket.io/?EIO=4&transport=polling`
  const opened = z.object({ sid: z.string() }).parse(JSON.parse((await (await fetch(base)).text()).slice(1)))
  const say = (packets: string[]) =>
    fetch(`${base}&sid=${opened.sid}`, { method: 'POST', body: packets.join('\x1e') })
  await say([hello])
  return { say, [Symbol.asyncDispose]: async () => {} }
}

test('P10 a client that stops reading is cut off, and the node keeps its memory', async ({
  start,
  issuer,
  announcer,
}) => {
  await using node = await start('slow-reader')
  const raw = new WebSocket(`${node.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
  await new Promise((resolve) => raw.once('open', resolve))
  raw.send(`40${JSON.stringify({ token: await issuer.sign({ userId: 'stalled' }) })}`)
  await vi.waitUntil(() => node.ctx.registry.connections === 1)
  raw.pause()
  const text = `42${JSON.stringify(['log:stale', { withinMs: 'x'.repeat(10_000) }])}`
  await vi.waitUntil(
    async () => {
      await announcer.ring(Array.from({ length: 100 }, () => ({ room: 'u:stalled', text })))
      return node.ctx.registry.connections === 0
    },
    { interval: 20 },
  )
  raw.terminate()
  const metrics = await node.ctx.metrics.metrics()
  expect(metrics).toMatch(/^parley_gateway_slow_consumers_total\{reason="queue",.*\} 1$/m)
  expect(metrics).toMatch(/^parley_gateway_disconnects_total\{reason="[^"]+",code="4508",.*\} 1$/m)
})

test.for(['websocket', 'polling'] as const)(
  'P10 a client that asks over %s and does not read the answers is cut off, and the node keeps its memory',
  async (transport, { start, issuer, page }) => {
    await using node = await start(`deaf-${transport}`)
    await using deaf = await connectDeaf(node.url, transport, await issuer.sign({ userId: 'deaf' }))
    await vi.waitUntil(() => node.ctx.registry.connections === 1)
    const { conn } = [...node.ctx.registry.sockets()][0] ?? {}
    let packets = 0
    await vi.waitUntil(
      async () => {
        packets = Math.max(packets, (conn as unknown as { writeBuffer: unknown[] }).writeBuffer.length)
        await deaf.say(
          Array.from({ length: 2 }, (_, i) => `42${i}["log:read",{"conversationId":"c","limit":200}]`),
        )
        return node.ctx.registry.connections === 0
      },
      { interval: 20 },
    )
    expect(packets * JSON.stringify(page).length).toBeLessThan(10_000_000)
    const metrics = await node.ctx.metrics.metrics()
    expect(metrics).toMatch(/^parley_gateway_slow_consumers_total\{reason="queue",.*\} 1$/m)
    expect(metrics).toMatch(/^parley_gateway_disconnects_total\{reason="[^"]+",code="4508",.*\} 1$/m)
  },
)

test('P10 a client that asks thousands of times to be let in and does not read that is refused a few times', async ({
  start,
  issuer,
}) => {
  await using node = await start('deaf-refused')
  await using deaf = await connectDeaf(node.url, 'polling', await issuer.sign({ userId: 'deaf' }))
  await vi.waitUntil(() => node.ctx.registry.connections === 1)
  const [socket = expect.fail('not here')] = node.ctx.registry.sockets()
  const { writeBuffer } = socket.conn as unknown as { writeBuffer: unknown[] }
  const before = writeBuffer.length
  await deaf.say(Array.from({ length: 5_000 }, () => '40/nowhere,'))
  expect(socket.conn.readyState).not.toBe('open')
  expect(writeBuffer.length - before).toBeLessThan(12)
})

test.for(['websocket', 'polling'] as const)(
  'P10 a single answer larger than what may wait arrives over %s, and what rings meanwhile',
  async (transport, { a, issuer, page, announcer }) => {
    await using reader = await connectClient(a.url, issuer, { transports: [transport] })
    const heard: number[] = []
    reader.socket.on('log:stale', ({ withinMs }) => void heard.push(withinMs))
    const asked = reader.ask('log:read', { conversationId: 'c' })
    const rung = Array.from({ length: 50 }, (_, i) => i)
    for (const withinMs of rung)
      await announcer.ring([{ room: userRoom(reader.userId), text: encodeEvent('log:stale', { withinMs }) }])
    expect(await asked).toEqual({ ok: true, data: page })
    await vi.waitUntil(() => heard.length === rung.length)
    expect(heard).toEqual(rung)
  },
)
