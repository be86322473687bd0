import path from 'node:path'
import type { Logger } from '@parley/shared/log'
import { listPendingMigrations, migrateToLatest, openPool } from '@parley/shared/postgres'
import type { Pool } from 'pg'

export const schema = 'messages'

const migrations = { folder: path.join(import.meta.dirname, 'migrations'), schema }

/** Brings the schema to the newest version; the names of the migrations that were applied. */
export function migrate(database: { url: string }, log: Logger): Promise<string[]> {
  return withPool(database, log, (pool) => migrateToLatest(pool, migrations))
}

/** The names of the migrations that are still to be applied. */
export function listPending(database: { url: string }, log: Logger): Promise<string[]> {
  return withPool(database, log, (pool) => listPendingMigrations(pool, migrations))
}

async function withPool<T>(
  { url }: { url: string },
  log: Logger,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  const pool = openPool({ url, poolSize: 1, schema }, log)
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}
