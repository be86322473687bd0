import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { loadConfig } from './config.ts'
import { startPush } from './service.ts'

const log = createLogger('push', { level: 'info' })
await runUntilSignal(() => startPush(loadConfig(process.env)), { log })
