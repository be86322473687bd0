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
  await vi.waitUntil(async () => (await lag()) > 0, { timeout: 15_000, interval: 100 })
  expect(await lag()).toBeLessThan(2)
  node.ctx.subscriber.disconnect()
  await vi.waitUntil(async () => (await lag()) > 1, { timeout: 15_000, interval: 100 })
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
