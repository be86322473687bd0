import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { loadMigrationConfig } from './config.ts'
import { listPending, migrateToLatest } from './db/database.ts'
import { ensureBucket } from './storage/s3.ts'

// With --check nothing is changed: it fails while migrations of this release are still to be applied.
const onlyCheck = process.argv.includes('--check')
const config = loadMigrationConfig(process.env)
const log = createLogger('media', config.log)
const pool = openPool({ ...config.database, poolSize: 1 }, log)
try {
  if (onlyCheck) {
    const pending = await listPending(pool)
    if (pending.length > 0) process.exitCode = 1
    log.info({ pending }, pending.length > 0 ? 'schema is behind' : 'schema is current')
  } else {
    log.info({ applied: await migrateToLatest(pool) }, 'schema is current')
  }
} finally {
  await pool.end()
}
if (config.bucket && !onlyCheck) {
  await ensureBucket(config.bucket)
  log.info({ bucket: config.bucket.bucket }, 'bucket is there')
}
