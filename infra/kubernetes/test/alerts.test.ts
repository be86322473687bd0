import { existsSync } from 'node:fs'
import path from 'node:path'
import { registeredMetrics, unknownMetrics } from '@parley/observability/registered-metrics'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { rendered } from './rendered.ts'

const root = path.resolve(import.meta.dirname, '../../..')

const Rules = z.looseObject({
  groups: z.array(
    z.looseObject({
      rules: z.array(
        z.looseObject({
          alert: z.string().exactOptional(),
          record: z.string().exactOptional(),
          expr: z.string(),
          annotations: z.looseObject({ summary: z.string(), runbook_url: z.string() }).exactOptional(),
        }),
      ),
    }),
  ),
})

const rules = rendered.production
  .filter(({ kind }) => kind === 'PrometheusRule')
  .flatMap(({ spec }) => Rules.parse(spec).groups.flatMap((group) => group.rules))

const queries = [
  ...rules.map(({ alert, record, expr }) => ({ title: alert ?? record, query: expr })),
  ...rendered.production
    .filter(({ kind }) => kind === 'ScaledObject' || kind === 'HorizontalPodAutoscaler')
    .map((object) => ({
      title: `${object.kind} ${object.metadata.name}`,
      query: JSON.stringify(object['spec']),
    })),
]

test('alerts and autoscalers ask only for metrics that the code registers', () => {
  const registered = registeredMetrics()
  const unknown = queries.flatMap(({ title, query }) =>
    unknownMetrics(query, registered).map((name) => ({ title, name })),
  )
  expect(queries.length).toBeGreaterThan(20)
  expect(unknown).toEqual([])
})

test.for(rules.filter(({ alert }) => alert !== undefined))(
  '$alert has a runbook that exists',
  ({ annotations }) => {
    expect(existsSync(path.join(root, annotations?.runbook_url ?? 'none'))).toBe(true)
  },
)
