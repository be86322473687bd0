import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { startRelay } from './bare-contender.ts'
import { useStack } from './product-contender.ts'
import { type CaseResult, summarise, toMarkdown } from './report.ts'
import { type LoadPlan, runLoad } from './run-load.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    only: { type: 'string' },
  },
})
const times = { warmUpMs: 2_000, measureMs: Number(values.seconds) * 1_000 }
const plans: Record<string, LoadPlan> = {
  '1:1 saturated': { groups: 200, size: 2, window: 2, ...times },
  'groups of 5 saturated': { groups: 80, size: 5, window: 2, ...times },
  'groups of 50 saturated': { groups: 8, size: 50, window: 2, ...times },
  'groups of 5 at 1,000/s': { groups: 80, size: 5, ratePerSecond: 1_000, ...times },
}
// What would only measure our own limits on a single sender.
const limitsLifted = {
  SENDS_PER_SECOND: '1000000',
  SENDS_BURST: '1000000',
  REQUESTS_PER_SECOND: '1000000',
  REQUESTS_BURST: '1000000',
}
const tell = (line: string) => void process.stderr.write(`${line}\n`)

await using opened = new AsyncDisposableStack()
const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-bench-'))
opened.defer(() => rm(stateDir, { recursive: true, force: true }))
const overrides = { ...limitsLifted, PASSWORD_SCRYPT_COST: '10', LOG_LEVEL: 'warn' }
const stack = opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
const parley = useStack(stack)
const relay = opened.use(await startRelay({ url: stack.urls.redis, pid: () => stack.pid('redis') ?? 0 }))

const results: CaseResult[] = []
for (const [name, plan] of Object.entries(plans)) {
  if (values.only && !name.includes(values.only)) continue
  const rounds: CaseResult['rounds'] = []
  for (let round = 1; round <= Number(values.rounds); round++) {
    rounds.push({ relay: await runLoad(relay, plan), parley: await runLoad(parley, plan) })
    const last = rounds.at(-1)
    tell(
      `${name}, round ${round}: relay ${last?.relay.messagesPerSecond.toFixed(0)}/s, parley ${last?.parley.messagesPerSecond.toFixed(0)}/s`,
    )
  }
  results.push({ name, rounds })
}

const summaries = results.map(summarise)
process.stdout.write(
  values.json
    ? `${JSON.stringify({ at: new Date().toISOString(), cases: summaries }, undefined, 2)}\n`
    : `${toMarkdown(summaries)}\n`,
)
