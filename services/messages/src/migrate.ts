import { createLogger } from '@parley/shared/log'
import { loadMigrationConfig } from './config.ts'
import { listPending, migrate } from './db/database.ts'

// With --check nothing is changed: it fails while migrations of this release are still to be applied.
const config = loadMigrationConfig(process.env)
const log = createLogger('messages', config.log)
if (process.argv.includes('--check')) {
  const pending = await listPending(config.database, log)
  if (pending.length > 0) process.exitCode = 1
  log.info({ pending }, pending.length > 0 ? 'schema is behind' : 'schema is current')
} else {
  log.info({ applied: await migrate(config.database, log) }, 'schema is current')
}
