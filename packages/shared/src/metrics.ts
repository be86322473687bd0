import { Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import manifest from '../package.json' with { type: 'json' }

/** A process at rest wakes up for each sample, so there are no more of them than it takes to see a loop that is blocked. A loop that never is shows this much as its lag. */
const lagSampledEveryMs = 50

/** The process's metrics: Node's own, labelled with the service, and what the service adds. */
export function createMetrics(service: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagSampledEveryMs })
  new Gauge({
    name: 'parley_build_info',
    help: 'Always 1; what runs is in the labels. All packages of a release have one version',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: manifest.version, node: process.version }, 1)
  return registry
}
