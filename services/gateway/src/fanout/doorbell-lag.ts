import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { RedisClient } from '@parley/shared/redis'
import type { Subscriber } from '@parley/shared/subscriber'
import { Gauge, type Registry as Metrics } from 'prom-client'

const everyMs = 5_000
/** Rung one after the other: so many lie on every primary of a cluster of usual size. */
const probes = 16

interface DoorbellLagOptions {
  gatewayId: string
  log: Logger
  metrics: Metrics
  publisher: RedisClient
  subscriber: Subscriber
}

/**
 * Rings at this gateway's own door every few seconds, the way doorbells come, and shows how long it took. While
 * nothing comes back the time goes on, so that a subscription that has silently died shows as one that is late.
 */
export function startDoorbellLag({
  gatewayId,
  log,
  metrics,
  publisher,
  subscriber,
}: DoorbellLagOptions): AsyncDisposable {
  const channels = Array.from({ length: probes }, (_, i) => `parley:probe:${gatewayId}:${i}`)
  const prefix = Buffer.from(`parley:probe:${gatewayId}:`)
  let next = 0
  let lastMs = 0
  let askedAt: number | undefined

  function heard(message: Buffer): void {
    if (askedAt === undefined || Number(message.toString()) !== askedAt) return
    lastMs = performance.now() - askedAt
    askedAt = undefined
    next = (next + 1) % probes
  }

  new Gauge({
    name: 'parley_gateway_doorbell_lag_seconds',
    help: 'From ringing through Redis to hearing it on the same node, as it was last or is by now',
    registers: [metrics],
    collect() {
      this.set(Math.max(lastMs, askedAt === undefined ? 0 : performance.now() - askedAt) / 1_000)
    },
  })
  new Gauge({
    name: 'parley_gateway_channels_missing',
    help: 'Channels of Redis that this node should hear and does not at this moment',
    registers: [metrics],
    collect() {
      this.set(subscriber.missing)
    },
  })
  subscriber.on('smessageBuffer', (on: Buffer, message: Buffer) => {
    // Doorbells come by here as well; the first byte tells them apart.
    if (on[0] === prefix[0] && on.subarray(0, prefix.length).equals(prefix)) heard(message)
  })
  for (const channel of channels) subscriber.ssubscribe(channel)
  return startLoop({ log, name: 'doorbell lag', everyMs }, async () => {
    askedAt ??= performance.now()
    await publisher.spublish(channels[next] ?? '', String(askedAt))
  })
}
