import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { loadConfig } from './config.ts'
import { startBullBoard } from './service.ts'

const log = createLogger('bull-board', { level: 'info' })
await runUntilSignal(() => startBullBoard(loadConfig(process.env)), { log })
