import { createLogger } from '@parley/shared/log'
import { loadConfig } from './config.ts'
import { migrate } from './db/database.ts'

const log = createLogger('messages', { level: 'info' })
log.info({ applied: await migrate(loadConfig(process.env), log) }, 'schema is current')
