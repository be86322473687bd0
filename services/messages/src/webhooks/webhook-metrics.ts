import type { Kysely } from 'kysely'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from '../db/schema.ts'
import * as store from './store.ts'

/** Counters of this process, and what the database holds, asked at each scrape: the same from every instance. */
export function createWebhookMetrics(registry: Registry, db: Kysely<Database>) {
  const deliveries = new Counter({
    name: 'parley_webhook_deliveries_total',
    help: 'Attempts to deliver an event, by endpoint and outcome',
    labelNames: ['endpoint', 'outcome'],
    registers: [registry],
  })
  const waiting = new Gauge({
    name: 'parley_webhook_events',
    help: 'Events of an endpoint by state: pending, or dead and to be replayed',
    labelNames: ['endpoint', 'state'],
    registers: [registry],
  })
  const disabled = new Gauge({
    name: 'parley_webhook_endpoint_disabled',
    help: '1 for an endpoint that failed for too long and gets nothing any more',
    labelNames: ['endpoint'],
    registers: [registry],
    async collect() {
      // A scrape must not fail because Postgres is away; the series are then absent.
      const states = await store.listStates(db).catch(() => [])
      waiting.reset()
      this.reset()
      for (const { endpointId: endpoint, disabledAt, pending, dead } of states) {
        this.set({ endpoint }, disabledAt ? 1 : 0)
        waiting.set({ endpoint, state: 'pending' }, Number(pending))
        waiting.set({ endpoint, state: 'dead' }, Number(dead))
      }
    },
  })
  const outboxAge = new Gauge({
    name: 'parley_webhook_outbox_age_seconds',
    help: 'How long the oldest event has waited to be given to its endpoints',
    registers: [registry],
    async collect() {
      this.set(await store.findOutboxAge(db).catch(() => 0))
    },
  })
  return { deliveries, waiting, disabled, outboxAge }
}

export type WebhookMetrics = ReturnType<typeof createWebhookMetrics>
