import { createMetrics } from '@parley/shared/metrics'
import { Counter, Gauge, Histogram } from 'prom-client'
import type { KnownSet } from './credentials/keep-credentials.ts'
import type { ConnectionEvent } from './http2/client.ts'
import { apnsActions } from './providers/apns/reasons.ts'
import { fcmActions } from './providers/fcm/errors.ts'
import { huaweiActions } from './providers/huawei/huawei.ts'
import type { CallPush, ProviderName, PushProvider, Verdict } from './providers/provider.ts'

// What providers and our own client say; anything else is counted as one, so that no answer can add series.
const reasons = new Set([
  ...Object.keys(apnsActions),
  ...Object.keys(fcmActions),
  ...Object.keys(huaweiActions),
  ...[400, 401, 403, 404, 410, 413, 429, 500, 502, 503, 504].map((status) => `status-${status}`),
  'BadSubscription',
  'endpoint-not-allowed',
  'not-silent',
  'calls-alone',
  'unknown-kind',
  'not-configured',
  'paused',
  'silent',
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

/** A reason as it may be shown where not every text may be. */
export const knownReason = (reason: string) => (reasons.has(reason) ? reason : 'other')

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

  const credentials = new Gauge({
    name: 'parley_push_credentials',
    help: 'Sets of credentials by state: loaded; stale, of which an older reading is in use; broken, not in use.',
    labelNames: ['credentials', 'provider', 'state'],
    registers: [registry],
  })
  const credentialsRefused = new Counter({
    name: 'parley_push_credentials_refused_total',
    help: 'How often a provider refused a set of credentials as a whole, after which it rests.',
    labelNames: ['credentials', 'provider'],
    registers: [registry],
  })
  const calls = new Counter({
    name: 'parley_push_calls_total',
    help: 'Devices to ring or to stop ringing, by what became of it.',
    labelNames: ['provider', 'action', 'result'],
    registers: [registry],
  })
  const callDelay = new Histogram({
    name: 'parley_push_call_delay_seconds',
    help: 'From the call being started to the provider accepting the push that rings.',
    labelNames: ['provider'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
    registers: [registry],
  })

  return {
    registry,
    credentials(known: KnownSet[]): void {
      credentials.reset()
      for (const { name, provider = 'unknown', state } of known) {
        credentials.set({ credentials: name, provider, state }, 1)
      }
    },
    credentialsRefused: (name: string, provider: ProviderName) => () =>
      credentialsRefused.inc({ credentials: name, provider }),
    called(
      provider: PushProvider['name'],
      action: CallPush['action'],
      verdict: Verdict,
      startedAt: string,
    ): void {
      calls.inc({ provider, action, result: verdict.result })
      if (verdict.result !== 'accepted' || action !== 'ring') return
      callDelay.observe({ provider }, Math.max(0, (Date.now() - Date.parse(startedAt)) / 1_000))
    },
    attempted(provider: PushProvider['name'], verdict: Verdict, sentAt: string): void {
      const reason = 'reason' in verdict ? verdict.reason : ''
      attempts.inc({
        provider,
        result: verdict.result,
        reason: reason === '' ? '' : knownReason(reason),
      })
      if (verdict.result === 'accepted') {
        delay.observe({ provider }, Math.max(0, (Date.now() - Date.parse(sentAt)) / 1_000))
      }
    },
    withdrew(provider: PushProvider['name'], { result }: Verdict): void {
      withdrawals.inc({ provider, result })
    },
    connection: (provider: ProviderName) => (event: ConnectionEvent) => connections.inc({ provider, event }),
    minted: (provider: ProviderName) => () => tokens.inc({ provider }),
  }
}

export type PushMetrics = ReturnType<typeof createPushMetrics>
