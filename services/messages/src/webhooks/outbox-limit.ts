import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import * as store from './store.ts'

const everyMs = 600_000
const olderThanDays = 7
const limit = 50_000

/**
 * Keeps what is noted for webhooks from growing for ever where an endpoint is still known and no instance tells it
 * anything: one that was taken out of the configuration and not taken away.
 */
export function startOutboxLimit({ log, db }: { log: Logger; db: Kysely<Database> }): AsyncDisposable {
  return startLoop({ log, name: 'old webhook events', everyMs }, async () => {
    for (let removed = limit; removed === limit;) {
      removed = await store.removeOldOutbox(db, { olderThanDays, limit })
      if (removed > 0) log.error({ removed }, 'webhook events nobody told were let go')
    }
  })
}
