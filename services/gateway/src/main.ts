import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { loadConfig } from './config.ts'
import { startGateway } from './service.ts'

const log = createLogger('gateway', { level: 'info' })
await runUntilSignal(() => startGateway(loadConfig(process.env)), { log })
