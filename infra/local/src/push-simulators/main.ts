import { runUntilSignal } from '@parley/shared/lifecycle'
import { createLogger } from '@parley/shared/log'
import { startPushSimulators } from '@parley/testing/push-simulators'

// The simulators as a container of their own: fixed ports, credentials in a directory that push reads.
const log = createLogger('push-simulators', { level: 'info' })
await runUntilSignal(
  () =>
    startPushSimulators({
      name: process.env['PUSH_SIMULATORS_HOST'] ?? 'localhost',
      stateDir: process.env['PUSH_SIMULATORS_DIR'] ?? '/run/push',
      inspectorPort: 8090,
      apnsPort: 8443,
      fcmPort: 8444,
      webPushPort: 8445,
      huaweiPort: 8446,
    }),
  { log },
)
