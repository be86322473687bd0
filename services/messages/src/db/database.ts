import path from 'node:path'
import type { Logger } from '@parley/shared/log'
import { migrateToLatest, openPool } from '@parley/shared/postgres'

export const schema = 'messages'

/** Brings the schema to the newest version; the names of the migrations that were applied. */
export async function migrate({ url }: { url: string }, log: Logger): Promise<string[]> {
  const pool = openPool({ url, poolSize: 1, schema }, log)
  try {
    return await migrateToLatest(pool, { folder: path.join(import.meta.dirname, 'migrations'), schema })
  } finally {
    await pool.end()
  }
}
