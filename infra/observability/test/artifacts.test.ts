import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { renderArtifacts, root } from '../src/artifacts.ts'
import { dashboards } from '../src/dashboards.ts'
import { registeredMetrics, unknownMetrics } from '../src/registered-metrics.ts'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const Rules = z.object({
  groups: z.array(z.object({ rules: z.array(z.looseObject({ alert: z.string().exactOptional() })) })),
})
const RuleTests = z.looseObject({
  tests: z.array(
    z.looseObject({
      alert_rule_test: z.array(
        z.looseObject({ alertname: z.string(), exp_alerts: z.array(z.unknown()).default([]) }),
      ),
    }),
  ),
})

test.for([...renderArtifacts()])('%s is what is made of the tables', ([file, text]) => {
  expect(read(file)).toBe(text)
})

test.for(dashboards)('$title shows only metrics that the code registers', ({ panels }) => {
  const registered = registeredMetrics()
  const unknown = panels.flatMap(({ title, queries }) =>
    queries.flatMap(({ expr }) => unknownMetrics(expr, registered).map((name) => ({ title, name }))),
  )
  expect(unknown).toEqual([])
})

test('every alert is seen to fire by a test of promtool', () => {
  const alerts = Rules.parse(parse(read('infra/observability/prometheus/rules.yml')))
    .groups.flatMap(({ rules }) => rules)
    .flatMap(({ alert }) => alert ?? [])
  const fired = RuleTests.parse(parse(read('infra/observability/prometheus/tests/alerts.yml')))
    .tests.flatMap((it) => it.alert_rule_test)
    .filter((it) => it.exp_alerts.length > 0)
    .map(({ alertname }) => alertname)
  expect(alerts.filter((alert) => !fired.includes(alert))).toEqual([])
})
