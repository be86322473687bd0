import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { installArtillery } from './artillery.ts'
import { toMarkdown } from './report.ts'
import { runScenario, type ScenarioResult } from './run-scenario.ts'
import { isScenario, scenarios } from './scenarios.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string' },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const asked = positionals.length > 0 ? positionals : Object.keys(scenarios)
const unknown = asked.filter((name) => !isScenario(name))
if (unknown.length > 0) {
  process.stderr.write(`no scenario ${unknown.join(', ')}; there are ${Object.keys(scenarios).join(', ')}\n`)
  process.exit(2)
}

// What it has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using opened = new AsyncDisposableStack()
await installArtillery()
const target = values.target ?? (await startLocal())
const results: ScenarioResult[] = []
for (const name of asked.filter(isScenario)) {
  process.stderr.write(`${name} …\n`)
  results.push(
    await runScenario(name, target, {
      perSecond: values.rate === undefined ? undefined : Number(values.rate),
      seconds: values.seconds === undefined ? undefined : Number(values.seconds),
    }),
  )
}
process.stdout.write(
  values.json
    ? `${JSON.stringify({ at: new Date().toISOString(), target, results }, undefined, 2)}\n`
    : `${toMarkdown(results, target)}\n`,
)
if (results.some(({ faults }) => faults.length > 0)) process.exitCode = 1

async function startLocal(): Promise<string> {
  const { path: stateDir } = opened.use(await makeTemporaryDir('parley-load-stack'))
  const overrides = { PASSWORD_SCRYPT_COST: '10', LOG_LEVEL: 'warn' }
  return opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides })).urls.app
}
