import path from 'node:path'
import { migrateToLatest as migrate } from '@parley/shared/postgres'
import type { Pool } from 'pg'

/** Brings the schema `media` to its newest version. */
export function migrateToLatest(pool: Pool): Promise<string[]> {
  return migrate(pool, { folder: path.join(import.meta.dirname, 'migrations'), schema: 'media' })
}
