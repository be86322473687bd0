import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { loadConfig } from './config.ts'
import { startMedia } from './service.ts'

const log = createLogger('media', { level: 'info' })
await runUntilSignal(() => startMedia(loadConfig(process.env)), { log })
