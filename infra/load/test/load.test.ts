import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { installArtillery } from '@parley/load/artillery'
import { toMarkdown } from '@parley/load/report'
import { runScenario } from '@parley/load/run-scenario'
import { type ScenarioName, scenarios } from '@parley/load/scenarios'
import { findFreePorts } from '@parley/local/ports'
import { startStack } from '@parley/local/stack'
import { expect, test as base } from 'vitest'

const test = base.extend('stack', { scope: 'file' }, async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  await installArtillery()
  const stateDir = await mkdtemp(path.join(tmpdir(), 'parley-load-'))
  opened.defer(() => rm(stateDir, { recursive: true, force: true }))
  const overrides = { PASSWORD_SCRYPT_COST: '10', LOG_LEVEL: 'warn' }
  return opened.use(await startStack({ stateDir, ports: await findFreePorts(), overrides }))
})

test.for(Object.keys(scenarios) as ScenarioName[])(
  'the load scenario %s makes traffic, every answer says ok, and the report says so',
  async (name, { stack }) => {
    const result = await runScenario(name, stack.urls.app, { perSecond: 3, seconds: 2 })
    expect(result.faults).toEqual([])
    expect(result.aggregate.counters['vusers.completed']).toBe(6)
    for (const counter of scenarios[name].proves)
      expect(result.aggregate.counters[counter]).toBeGreaterThan(0)
    expect(toMarkdown([result], 'here')).toContain(`| ${name} | 3/s for 2 s | 6 of 6 |`)
  },
)

test('a run in which somebody did not come to their end, or nothing was heard, is no good run', async ({
  stack,
}) => {
  await stack.stop('gateway-1')
  await stack.stop('gateway-2')
  const result = await runScenario('direct', stack.urls.app, { perSecond: 1, seconds: 1 })
  expect(result.faults).toContain('0 of 1 people came to their end')
  expect(result.faults).toContain('parley.entries_heard stayed 0')
  expect(toMarkdown([result], 'here')).toContain('not good')
})
