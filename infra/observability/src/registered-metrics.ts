import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { root } from './artifacts.ts'

/** Every metric that the code registers: our own by name in the source, Node's by asking prom-client. */
export function registeredMetrics(): Set<string> {
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

/** The metrics that a query asks for and nobody registers. */
export function unknownMetrics(query: string, registered: Set<string>): string[] {
  return [...query.matchAll(/\b(?:parley|nodejs|process)_\w+/g)]
    .map(([name]) => name)
    .filter((name) => !registered.has(name) && !registered.has(name.replace(/_(bucket|sum|count)$/, '')))
}
