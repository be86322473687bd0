import { serveAdmin } from '@parley/shared/admin'
import { checkRedis } from '@parley/shared/check-redis'
import type { HttpApp } from '@parley/shared/http'
import { serveQueueAdmin } from '@parley/shared/queue-admin'
import * as kinds from '@parley/shared/queues'
import { sql } from 'kysely'
import type { Context } from './context.ts'
import { listPending } from './db/database.ts'

/** What operators ask of messages, which knows every queue. */
export function serveMessagesAdmin(
  app: HttpApp,
  ctx: Context,
  { ready }: { ready: () => Promise<void> },
): AsyncDisposable {
  const { config, db, log, pool, redis } = ctx
  serveAdmin(app, {
    service: 'messages',
    ready,
    describe: () => ({
      postgresConnections: pool.totalCount,
      postgresWaiting: pool.waitingCount,
      redis: redis.status,
    }),
    checks: {
      async postgres() {
        const { rows } = await sql<{
          version: string
        }>`select current_setting('server_version') as version`.execute(db)
        return `version ${rows[0]?.version}`
      },
      async migrations() {
        const pending = await listPending(config.database, log)
        if (pending.length > 0) throw new Error(`still to be applied: ${pending.join(', ')}`)
        return 'current'
      },
      redis: () => checkRedis(redis),
      async media() {
        const response = await fetch(new URL('/readyz', config.mediaUrl))
        if (!response.ok) throw new Error(`answers ${response.status}`)
        return 'ready'
      },
    },
  })
  return serveQueueAdmin(app, { kinds: Object.values(kinds), connection: redis, log })
}
