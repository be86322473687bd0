import type { Logger } from '@parley/shared/log'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import { schema } from '../db/database.ts'
import type { Database } from '../db/schema.ts'
import { searchTookTooLong, tooManySearches } from '../errors.ts'

/** Searches run beside everything else, on connections of their own: however many come, sends and reads keep theirs. */
const connections = 2
const maxWaiting = 50
const timeoutMs = 2_000
/** PostgreSQL's code for a statement that was given up. */
const queryCanceled = '57014'

export function createSearcher({ config, log }: { config: Config; log: Logger }) {
  const pool = openPool(
    {
      url: config.database.url,
      poolSize: connections,
      schema,
      plans: 'by-index',
      statementTimeoutMs: timeoutMs,
    },
    log,
  )
  const db = queryBuilder<Database>(pool)
  return {
    /** Asks the database, within bounds of time and number. */
    async run<T>(query: (db: Kysely<Database>) => Promise<T>): Promise<T> {
      if (pool.waitingCount >= maxWaiting) throw tooManySearches()
      try {
        return await query(db)
      } catch (cause) {
        if ((cause as { code?: unknown }).code === queryCanceled) throw searchTookTooLong(cause)
        throw cause
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

export type Searcher = ReturnType<typeof createSearcher>
