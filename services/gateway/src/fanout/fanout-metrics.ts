import { createFrequentHistogram } from '@parley/shared/frequent-metrics'
import { Counter, type Registry } from 'prom-client'

export type FanoutMetrics = ReturnType<typeof createFanoutMetrics>

/** How late entries reach sockets, and who is cut off for not reading. */
export function createFanoutMetrics(registry: Registry) {
  return {
    delivery: createFrequentHistogram({
      name: 'parley_gateway_delivery_seconds',
      help: 'From an entry being stored, by the clock of Postgres, to its being written to the sockets here, by the clock of this node',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
      registers: registry,
    }),
    slowConsumers: new Counter({
      name: 'parley_gateway_slow_consumers_total',
      help: 'Readers that were cut off: a queue of packets beyond its bound, or an event stream that stood still',
      labelNames: ['reason'],
      registers: [registry],
    }),
  }
}
