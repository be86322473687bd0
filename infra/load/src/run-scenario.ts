import path from 'node:path'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { type Aggregate, runArtillery } from './artillery.ts'
import { preparePeople } from './prepare.ts'
import { type ScenarioName, scenarios } from './scenarios.ts'

export interface ScenarioResult {
  name: ScenarioName
  perSecond: number
  seconds: number
  aggregate: Aggregate
  /** Why the run is no good; empty if it is. */
  faults: string[]
}

/** Everybody of a scenario, signed up, let loose, and what they saw. */
export async function runScenario(
  name: ScenarioName,
  target: string,
  asked: { perSecond?: number | undefined; seconds?: number | undefined } = {},
): Promise<ScenarioResult> {
  const scenario = scenarios[name]
  const { perSecond = scenario.perSecond, seconds = scenario.seconds } = asked
  await using dir = await makeTemporaryDir('parley-load')
  const peopleFile = path.join(dir.path, 'people.csv')
  const people = Math.ceil(perSecond * seconds)
  await preparePeople(target, peopleFile, { people, groupSize: scenario.groupSize })
  const { passed, aggregate, output } = await runArtillery(name, {
    target,
    peopleFile,
    reportFile: path.join(dir.path, 'report.json'),
    perSecond,
    seconds,
  })
  return { name, perSecond, seconds, aggregate, faults: faultsOf(name, people, passed, aggregate, output) }
}

function faultsOf(
  name: ScenarioName,
  people: number,
  passed: boolean,
  { counters }: Aggregate,
  output: string,
): string[] {
  const errors = Object.entries(counters).filter(([counter]) => counter.startsWith('errors.'))
  const completed = counters['vusers.completed'] ?? 0
  return [
    ...errors.map(([counter, count]) => `${count} × ${counter.slice('errors.'.length)}`),
    ...(completed < people ? [`${completed} of ${people} people came to their end`] : []),
    ...scenarios[name].proves.filter((it) => !counters[it]).map((it) => `${it} stayed 0`),
    ...(counters['parley.sockets_lost'] ? [`${counters['parley.sockets_lost']} sockets were lost`] : []),
    ...(passed ? [] : [`a condition did not hold:\n${output.split('\n').slice(-15).join('\n')}`]),
  ]
}
