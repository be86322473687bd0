import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { loadMigrationConfig } from './config.ts'
import { migrateToLatest } from './db/database.ts'
import { ensureBucket } from './storage/s3.ts'

const config = loadMigrationConfig(process.env)
const log = createLogger('media', config.log)
const pool = openPool({ ...config.database, poolSize: 1 }, log)
try {
  log.info({ applied: await migrateToLatest(pool) }, 'schema is current')
} finally {
  await pool.end()
}
if (config.bucket) {
  await ensureBucket(config.bucket)
  log.info({ bucket: config.bucket.bucket }, 'bucket is there')
}
