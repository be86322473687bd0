import { findFreePorts } from '@parley/local/ports'
import { type Stack, startStack } from '@parley/local/stack'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'

/** What would only measure our own limits on a single sender. */
export const limitsLifted = {
  SENDS_PER_SECOND: '1000000',
  SENDS_BURST: '1000000',
  REQUESTS_PER_SECOND: '1000000',
  REQUESTS_BURST: '1000000',
}

/** The product as it runs with `npm start`, empty, limits on senders lifted, gone with all it kept when it is disposed of. */
export async function startBenchStack(overrides: Record<string, string> = {}): Promise<Stack> {
  await using opened = new AsyncDisposableStack()
  const { path: stateDir } = opened.use(await makeTemporaryDir('parley-bench'))
  const stack = opened.use(
    await startStack({
      stateDir,
      ports: await findFreePorts(),
      overrides: { ...limitsLifted, PASSWORD_SCRYPT_COST: '10', LOG_LEVEL: 'warn', ...overrides },
    }),
  )
  const owned = opened.move()
  return { ...stack, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
