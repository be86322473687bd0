import { createLogger } from '@parley/shared/log'
import { loadMigrationConfig } from './config.ts'
import { beginNewHistory } from './db/database.ts'

// After a restore from a backup, once, before services start (docs/operations.md).
const config = loadMigrationConfig(process.env)
const log = createLogger('messages', config.log)
log.info({ rewritten: await beginNewHistory(config.database, log) }, 'this history is one of its own')
