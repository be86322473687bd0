import path from 'node:path'
import { listPendingMigrations, migrateToLatest as migrate } from '@parley/shared/postgres'
import type { Pool } from 'pg'

const migrations = { folder: path.join(import.meta.dirname, 'migrations'), schema: 'media' }

/** Brings the schema `media` to its newest version. */
export const migrateToLatest = (pool: Pool): Promise<string[]> => migrate(pool, migrations)

/** The names of the migrations that are still to be applied. */
export const listPending = (pool: Pool): Promise<string[]> => listPendingMigrations(pool, migrations)
