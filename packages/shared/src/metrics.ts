import { Registry, collectDefaultMetrics } from 'prom-client'

/** The process's metrics: Node's own, labelled with the service, and what the service adds. */
export function createMetrics(service: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return registry
}
