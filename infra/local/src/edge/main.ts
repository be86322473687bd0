import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { loadEdgeConfig } from './config.ts'
import { startEdge } from './edge.ts'

const { level, ...options } = loadEdgeConfig(process.env)
const log = createLogger('edge', { level })
await runUntilSignal(() => startEdge({ ...options, log }), { log, deadlineMs: 4_000 })
