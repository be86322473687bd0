import { openQueue, startWorker } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import { openRedis, type RedisClient } from '@parley/shared/redis'
import type { Kysely } from 'kysely'
import type { Registry } from 'prom-client'
import type { Config } from '../config.ts'
import type { Database } from '../db/schema.ts'
import { deliver } from './deliver.ts'
import { openGuardedAgent } from './guarded-agent.ts'
import { spreadEvents } from './spread-events.ts'
import * as store from './store.ts'
import { createWebhookMetrics } from './webhook-metrics.ts'
import { webhookDelivery } from './webhook-queue.ts'

const perSweep = 500
/** Transactions between two looks at whether to stop. */
const perRound = 20
const removeEveryMs = 600_000
const keepDead = { olderThanDays: 14, mostEach: 100_000 }

interface WebhookOptions {
  config: Config
  log: Logger
  db: Kysely<Database>
  redis: RedisClient
  registry: Registry
}

/**
 * Tells the operator's endpoints what happened (ADR 20). Postgres remembers what is to be told; the queue only says
 * when to try. So what a crash or a wiped Redis leaves undone is found again, and sends wait for nothing of this.
 */
export function startWebhooks({
  config: { webhooks: config, redis: at },
  log,
  db,
  redis,
  registry,
}: WebhookOptions) {
  const opened = new AsyncDisposableStack()
  const queue = opened.use(openQueue(webhookDelivery, redis, log))
  // For the worker: it waits for Redis where `redis` gives up.
  const patient = opened.adopt(openRedis({ ...at, use: 'worker' }, log), (it) => it.disconnect())
  const agent = opened.adopt(openGuardedAgent(config), (it) => it.destroy())
  const metrics = createWebhookMetrics(registry, db)
  let known = false

  async function enqueue(deliveries: store.QueuedDelivery[]): Promise<void> {
    if (deliveries.length === 0) return
    await queue.add(
      deliveries.map(({ deliveryId, round }) => ({
        id: `${deliveryId}-${round}`,
        data: { deliveryId: Number(deliveryId), round },
      })),
    )
  }

  async function spread(): Promise<void> {
    if (!known) await store.upsertEndpoints(db, config.endpoints)
    known = true
    for (let i = 0; i < perRound; i++) {
      const { queued, more } = await spreadEvents(db, config)
      await enqueue(queued)
      if (!more) return
    }
  }

  opened.use(
    startWorker(webhookDelivery, { connection: patient, log, concurrency: config.concurrency }, (data, job) =>
      deliver({ config, log, db, agent, metrics }, data, job),
    ),
  )
  opened.use(startLoop({ log, name: 'webhook events', everyMs: config.spreadEveryMs }, spread))
  opened.use(
    startLoop({ log, name: 'webhook sweep', everyMs: config.requeueAfterMs / 4 }, async () => {
      await enqueue(await store.claimUnqueued(db, { olderThanMs: config.requeueAfterMs, limit: perSweep }))
    }),
  )
  opened.use(
    startLoop({ log, name: 'old webhook deliveries', everyMs: removeEveryMs }, async () => {
      const removed = await store.removeOldDead(db, keepDead)
      if (removed > 0) log.warn({ removed }, 'dead webhook deliveries were let go')
    }),
  )

  return { enqueue, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

export type Webhooks = ReturnType<typeof startWebhooks>
