import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import type { Kysely } from 'kysely'
import type { Agent } from 'undici'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import { bodyOf, entryData } from './event.ts'
import { type PostResult, postEvent } from './post-event.ts'
import * as store from './store.ts'
import type { WebhookMetrics } from './webhook-metrics.ts'

export interface DeliverContext {
  config: Config['webhooks']
  log: Logger
  db: Kysely<Database>
  agent: Agent
  metrics: WebhookMetrics
}

const mostDelayMs = 3_600_000
const rolloutMs = 30_000

/** Tells one endpoint of one event, once more. Throws `RetryLater` while there are attempts left. */
export async function deliver(
  ctx: DeliverContext,
  queued: store.QueuedDelivery,
  job: Pick<JobInHand, 'attempt'>,
): Promise<void> {
  const { config, db, agent, metrics } = ctx
  const delivery = await store.findDelivery(db, queued)
  if (!delivery) return
  if (delivery.disabledAt) return store.markDead(db, delivery, 'endpoint disabled')
  const endpoint = config.endpoints.find(({ id }) => id === delivery.endpointId)
  const data = await dataOf(db, delivery)
  // The conversation is gone, and with it what there was to tell.
  if (!data) return store.removeDelivered(db, delivery)
  const body = bodyOf(delivery.event, delivery.at, data)
  if (!endpoint) return leaveToOthers(ctx, delivery, job)
  const result = await postEvent(agent, endpoint, { id: delivery.eventId, body, timeoutMs: config.timeoutMs })
  metrics.deliveries.inc({
    endpoint: delivery.endpointId,
    outcome: result.delivered ? 'delivered' : 'failed',
  })
  if (result.delivered) return store.removeDelivered(db, delivery)
  await giveUpOrRetry(ctx, delivery, result, job)
}

/** While a configuration is rolled out, not every instance knows every endpoint: that is no failure of the endpoint. */
async function leaveToOthers(
  { config, db }: DeliverContext,
  delivery: store.DueDelivery,
  { attempt }: Pick<JobInHand, 'attempt'>,
): Promise<void> {
  const failure = 'not configured here'
  if (attempt >= config.attempts) return store.markDead(db, delivery, failure)
  throw new RetryLater(failure, rolloutMs)
}

async function dataOf(db: Kysely<Database>, { conversationId, seq, data }: store.DueDelivery) {
  if (conversationId === null || seq === null) return data
  const entry = await store.findEntry(db, conversationId, seq)
  return entry && entryData(entry)
}

async function giveUpOrRetry(
  { config, log, db }: DeliverContext,
  delivery: store.DueDelivery,
  { failure, gone, retryAfter }: Exclude<PostResult, { delivered: true }>,
  { attempt }: Pick<JobInHand, 'attempt'>,
): Promise<void> {
  const { endpointId, eventId } = delivery
  const failingSince = await store.noteFailure(db, endpointId)
  log.warn({ endpointId, eventId, attempt, failure }, 'webhook was not delivered')
  if (gone || Date.now() - failingSince.getTime() >= config.disableAfterMs) {
    await store.disableEndpoint(db, endpointId, gone ? 'answered 410' : `failed for too long: ${failure}`)
    log.error({ endpointId, failure }, 'webhook endpoint is disabled')
    return
  }
  if (attempt >= config.attempts) return store.markDead(db, delivery, failure)
  const doubledMs = config.retryMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
  const askedMs = Number(retryAfter ?? 0) * 1_000 || 0
  throw new RetryLater(failure, Math.min(Math.max(doubledMs, askedMs), mostDelayMs))
}
