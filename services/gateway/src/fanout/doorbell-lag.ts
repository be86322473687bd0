import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Redis } from 'ioredis'
import { Gauge, type Registry as Metrics } from 'prom-client'

const everyMs = 5_000

interface DoorbellLagOptions {
  gatewayId: string
  log: Logger
  metrics: Metrics
  publisher: Redis
  subscriber: Redis
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
  const channel = `parley:probe:${gatewayId}`
  const ownChannel = Buffer.from(channel)
  let lastMs = 0
  let askedAt: number | undefined

  function heard(message: Buffer): void {
    if (askedAt === undefined || Number(message.toString()) !== askedAt) return
    lastMs = performance.now() - askedAt
    askedAt = undefined
  }

  new Gauge({
    name: 'parley_gateway_doorbell_lag_seconds',
    help: 'From ringing through Redis to hearing it on the same node, as it was last or is by now',
    registers: [metrics],
    collect() {
      this.set(Math.max(lastMs, askedAt === undefined ? 0 : performance.now() - askedAt) / 1_000)
    },
  })
  subscriber.on('smessageBuffer', (on: Buffer, message: Buffer) => {
    if (on.equals(ownChannel)) heard(message)
  })
  void subscriber.ssubscribe(channel)
  return startLoop({ log, name: 'doorbell lag', everyMs }, async () => {
    askedAt ??= performance.now()
    await publisher.spublish(channel, String(askedAt))
  })
}
