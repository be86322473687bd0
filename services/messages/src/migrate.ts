import { createLogger } from '@parley/shared/log'
import { loadMigrationConfig } from './config.ts'
import { migrate } from './db/database.ts'

const config = loadMigrationConfig(process.env)
const log = createLogger('messages', config.log)
log.info({ applied: await migrate(config.database, log) }, 'schema is current')
