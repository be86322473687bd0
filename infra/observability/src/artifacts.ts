import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { burnRateGroups, type RuleGroup } from './burn-rates.ts'
import { dashboards } from './dashboards.ts'
import { renderDashboard } from './render-dashboard.ts'
import { slos } from './slos.ts'

export const root = path.resolve(import.meta.dirname, '../../..')
const symptoms = 'k8s/components/prometheus-operator/rules.yaml'
const made = '# Made by infra/observability/src/main.ts; changes belong there.\n'

const PrometheusRule = z.looseObject({ spec: z.looseObject({ groups: z.array(z.custom<RuleGroup>()) }) })

/** Everything that is made of the tables here, by the path of its file in the repository. */
export function renderArtifacts(): Map<string, string> {
  const groups = burnRateGroups(slos)
  const operator = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'parley-slos' },
    spec: { groups },
  }
  const written = PrometheusRule.parse(parse(readFileSync(path.join(root, symptoms), 'utf8')))
  const yaml = (value: object) =>
    made + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, singleQuote: true })
  return new Map([
    ['k8s/components/prometheus-operator/slos.yaml', yaml(operator)],
    ['infra/observability/prometheus/rules.yml', yaml({ groups: [...groups, ...written.spec.groups] })],
    ...dashboards.map((dashboard): [string, string] => [
      `k8s/components/grafana/dashboards/${dashboard.id}.json`,
      `${JSON.stringify(renderDashboard(dashboard), null, 2)}\n`,
    ]),
  ])
}
