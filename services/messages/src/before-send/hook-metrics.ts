import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export function createHookMetrics(registry: Registry, breaker: { readonly isOpen: boolean }) {
  const verdicts = new Counter({
    name: 'parley_before_send_verdicts_total',
    help: 'Messages by what the before-send hook said, or what its failure meant for them',
    labelNames: ['verdict'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'parley_before_send_seconds',
    help: 'Time of one question to the before-send hook, whatever number of messages it holds',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers: [registry],
  })
  const paused = new Gauge({
    name: 'parley_before_send_paused',
    help: '1 while the before-send hook failed too often in a row and is left alone',
    registers: [registry],
    collect() {
      this.set(breaker.isOpen ? 1 : 0)
    },
  })
  return { verdicts, seconds, paused }
}
