import { createMetrics } from '@parley/shared/metrics'
import { Counter, Histogram } from 'prom-client'
import type { ConnectionEvent } from './http2/client.ts'
import { apnsActions } from './providers/apns/reasons.ts'
import { fcmActions } from './providers/fcm/errors.ts'
import type { ProviderName, Verdict } from './providers/provider.ts'

// What providers and our own client say; anything else is counted as one, so that no answer can add series.
const reasons = new Set([
  ...Object.keys(apnsActions),
  ...Object.keys(fcmActions),
  'not-configured',
  'paused',
  'stale-unregistered',
  'too-many-dropped',
  'unavailable',
  'overloaded',
  'deadline',
  'unreachable',
  'refused',
  'closed',
  'invalid',
  'unknown-timeout',
  'unknown-reset',
  'unknown-disconnected',
])

export function createPushMetrics() {
  const registry = createMetrics('push')
  const attempts = new Counter({
    name: 'parley_push_attempts_total',
    help: 'Pushes handed to a provider, by what became of them.',
    labelNames: ['provider', 'result', 'reason'],
    registers: [registry],
  })
  const withdrawals = new Counter({
    name: 'parley_push_withdrawals_total',
    help: 'Badges and shown alerts put right after reading, by what became of it.',
    labelNames: ['provider', 'result'],
    registers: [registry],
  })
  const delay = new Histogram({
    name: 'parley_push_delay_seconds',
    help: 'From the message being sent to the provider accepting its push.',
    labelNames: ['provider'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
    registers: [registry],
  })
  const connections = new Counter({
    name: 'parley_push_connections_total',
    help: 'Connections to providers, by what happened to them.',
    labelNames: ['provider', 'event'],
    registers: [registry],
  })
  const tokens = new Counter({
    name: 'parley_push_provider_tokens_total',
    help: 'Tokens made to authorise this service with a provider.',
    labelNames: ['provider'],
    registers: [registry],
  })

  return {
    registry,
    attempted(provider: ProviderName, verdict: Verdict, sentAt: string): void {
      const reason = 'reason' in verdict ? verdict.reason : ''
      attempts.inc({
        provider,
        result: verdict.result,
        reason: reason === '' || reasons.has(reason) ? reason : 'other',
      })
      if (verdict.result === 'accepted') {
        delay.observe({ provider }, Math.max(0, (Date.now() - Date.parse(sentAt)) / 1_000))
      }
    },
    withdrew(provider: ProviderName, { result }: Verdict): void {
      withdrawals.inc({ provider, result })
    },
    connection: (provider: ProviderName) => (event: ConnectionEvent) => connections.inc({ provider, event }),
    minted: (provider: ProviderName) => () => tokens.inc({ provider }),
  }
}

export type PushMetrics = ReturnType<typeof createPushMetrics>
