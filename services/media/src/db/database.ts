import path from 'node:path'
import type { Logger } from '@parley/shared/log'
import { listPendingMigrations, migrateToLatest } from '@parley/shared/migrations'
import type { Pool } from 'pg'

const migrations = { folder: path.join(import.meta.dirname, 'migrations'), schema: 'media' }

/** Brings the schema to the newest version; the names of the migrations that were applied. */
export const migrate = (database: { url: string }, log: Logger): Promise<string[]> =>
  migrateToLatest(database, migrations, log)

/** The names of the migrations that are still to be applied. */
export const listPending = (pool: Pool): Promise<string[]> => listPendingMigrations(pool, migrations)
