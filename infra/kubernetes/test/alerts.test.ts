import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { rendered } from './rendered.ts'

const root = path.resolve(import.meta.dirname, '../../..')

const Rules = z.looseObject({
  groups: z.array(
    z.looseObject({
      rules: z.array(
        z.looseObject({
          alert: z.string(),
          expr: z.string(),
          annotations: z.looseObject({ summary: z.string(), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
})

const rules = rendered.production
  .filter(({ kind }) => kind === 'PrometheusRule')
  .flatMap(({ spec }) => Rules.parse(spec).groups.flatMap((group) => group.rules))

const queries = [
  ...rules.map(({ alert, expr }) => ({ title: alert, query: expr })),
  ...rendered.production
    .filter(({ kind }) => kind === 'ScaledObject' || kind === 'HorizontalPodAutoscaler')
    .map((object) => ({
      title: `${object.kind} ${object.metadata.name}`,
      query: JSON.stringify(object['spec']),
    })),
]

/** Every metric that the code registers: our own by name in the source, Node's by asking prom-client. */
function registeredMetrics(): Set<string> {
  const sources = globSync('{services,packages}/*/src/**/*.ts', { cwd: root })
  const own = sources.flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/name: '(parley_\w+)'/g)].map(
      ([, name]) => name ?? '',
    ),
  )
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return new Set([...own, ...registry.getMetricsAsArray().map(({ name }) => name)])
}

test('alerts and autoscalers ask only for metrics that the code registers', () => {
  const registered = registeredMetrics()
  const asked = queries.flatMap(({ title, query }) =>
    [...query.matchAll(/\b(?:parley|nodejs|process)_\w+/g)].map(([name]) => ({ title, name })),
  )
  expect(asked.length).toBeGreaterThan(queries.length - 1)
  const unknown = asked.filter(({ name }) => !registered.has(name.replace(/_(bucket|sum|count)$/, '')))
  expect(unknown).toEqual([])
})

test.for(rules)('$alert has a runbook that exists', ({ annotations }) => {
  expect(existsSync(path.join(root, annotations.runbook_url))).toBe(true)
})
