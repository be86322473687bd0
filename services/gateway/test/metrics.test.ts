import { encodeEvent, encodeTraced, userRoom } from '@parley/shared/realtime'
import { expect, vi } from 'vitest'
import { connectClient, test } from './fixture.ts'

async function metricOf(internalUrl: string, line: RegExp): Promise<number> {
  const text = await (await fetch(`${internalUrl}/metrics`)).text()
  return Number(line.exec(text)?.[1] ?? Number.NaN)
}

test('shows how long a doorbell takes through Redis, and longer with each moment in which none comes back', async ({
  start,
  ownRedis,
}) => {
  await using node = await start('listening', { REDIS_URL: ownRedis.url })
  const lag = () => metricOf(node.internalUrl, /^parley_gateway_doorbell_lag_seconds\{.*\} (\S+)$/m)
  await vi.waitUntil(async () => (await lag()) > 0, { interval: 100 })
  expect(await lag()).toBeLessThan(2)
  await ownRedis[Symbol.asyncDispose]()
  await vi.waitUntil(async () => (await lag()) > 1, { interval: 100 })
})

test('counts ends of sockets by reason, and shows that it drains', async ({ start, issuer }) => {
  const node = await start('counting')
  const client = await connectClient(node.url, issuer)
  await client[Symbol.asyncDispose]()
  const ended = /^parley_gateway_disconnects_total\{.*client namespace disconnect.*\} (\S+)$/m
  await vi.waitUntil(async () => (await metricOf(node.internalUrl, ended)) === 1)
  expect(await metricOf(node.internalUrl, /^parley_gateway_draining\{.*\} (\S+)$/m)).toBe(0)
  await node[Symbol.asyncDispose]()
})

test('measures how long after its commit an entry is written to sockets, by the time it carries', async ({
  start,
  issuer,
  announcer,
}) => {
  await using node = await start('measuring')
  await using client = await connectClient(node.url, issuer)
  const heard = new Promise((resolve) => client.socket.once('entry:new', resolve))
  const entry = {
    sentAt: new Date(Date.now() - 20_000).toISOString(),
    conversationId: 'c',
    seq: 1,
    content: { sentAt: '2001-01-01T00:00:00.000Z' },
  }
  const text = encodeEvent('entry:new', { entry, summary: {} } as never)
  await announcer.ring([
    { room: userRoom(client.userId), text },
    { room: userRoom('nobody-here' as never), text },
  ])
  await heard
  const metrics = await node.ctx.metrics.metrics()
  expect(metrics).toMatch(/^parley_gateway_delivery_seconds_bucket\{le="15",.*\} 0$/m)
  expect(metrics).toMatch(/^parley_gateway_delivery_seconds_bucket\{le="60",.*\} 1$/m)
  expect(metrics).toMatch(
    /^parley_build_info\{version="\d+\.\d+\.\d+",node="v\d+\.[^"]+",service="gateway"\} 1$/m,
  )
})

test('a doorbell whose trace is recorded elsewhere is heard as any other', async ({
  a,
  issuer,
  announcer,
}) => {
  await using client = await connectClient(a.url, issuer)
  const heard = new Promise((resolve) => client.socket.once('log:stale', resolve))
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const text = encodeTraced(traceparent, encodeEvent('log:stale', { withinMs: 5 }))
  await announcer.ring([{ room: userRoom(client.userId), text }])
  expect(await heard).toEqual({ withinMs: 5 })
})
