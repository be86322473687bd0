import { startPushSimulators } from '@parley/testing/push-simulators'
import type { Environment } from './services.ts'

interface PushProviders extends AsyncDisposable {
  env: Environment
  inspectorUrl?: string
}

/** The real providers where the environment holds credentials for one of them, simulators of all elsewhere. */
export async function openPushProviders(
  env: NodeJS.ProcessEnv,
  options: { inspectorPort: number; stateDir: string },
): Promise<PushProviders> {
  const real = Object.keys(env).some((name) => /^(APNS|FCM|PUSH_CREDENTIALS)_/.test(name))
  if (real) return { env: {}, async [Symbol.asyncDispose]() {} }
  const { env: simulated, inspectorUrl, ...simulators } = await startPushSimulators(options)
  return { env: simulated, inspectorUrl, [Symbol.asyncDispose]: () => simulators[Symbol.asyncDispose]() }
}
