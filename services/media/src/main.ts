import { setFlagsFromString } from 'node:v8'
import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'

// What passes through here are streams, and little of it lives on: a nursery that grows with them would hold 50 MB more
// and save nothing. Said before what the service is made of is loaded.
setFlagsFromString('--optimize-for-size')
const [{ loadConfig }, { startMedia }] = await Promise.all([import('./config.ts'), import('./service.ts')])

const log = createLogger('media', { level: 'info' })
await runUntilSignal(() => startMedia(loadConfig(process.env)), { log })
