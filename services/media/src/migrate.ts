import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { loadMigrationConfig } from './config.ts'
import { listPending, migrate } from './db/database.ts'
import { ensureBucket } from './storage/s3.ts'

// With --check nothing is changed: it fails while migrations of this release are still to be applied.
const onlyCheck = process.argv.includes('--check')
const config = loadMigrationConfig(process.env)
const log = createLogger('media', config.log)
if (onlyCheck) {
  const pool = openPool({ ...config.database, poolSize: 1 }, log)
  try {
    const pending = await listPending(pool)
    if (pending.length > 0) process.exitCode = 1
    log.info({ pending }, pending.length > 0 ? 'schema is behind' : 'schema is current')
  } finally {
    await pool.end()
  }
} else {
  log.info({ applied: await migrate(config.database, log) }, 'schema is current')
}
if (config.bucket && !onlyCheck) {
  await ensureBucket(config.bucket)
  log.info({ bucket: config.bucket.bucket }, 'bucket is there')
}
