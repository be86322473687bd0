import type { Slo } from './slos.ts'

export interface Rule {
  record?: string
  alert?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface RuleGroup {
  name: string
  interval?: string
  rules: Rule[]
}

/**
 * How fast the 28 days' allowance is used up, over a long window that shows it matters and a short one that shows
 * it goes on: the multi-window alerts of the SRE Workbook, chapter 5.
 */
const burns = [
  { suffix: 'BurnsFast', factor: 14.4, long: '1h', short: '5m', severity: 'page' },
  { suffix: 'BurnsSteadily', factor: 6, long: '6h', short: '30m', severity: 'page' },
  { suffix: 'BurnsSlowly', factor: 1, long: '3d', short: '6h', severity: 'ticket' },
]
const windows = [...new Set(burns.flatMap(({ long, short }) => [short, long]))]

/**
 * How many must have gone wrong within the long window. Where few ask, one that went wrong is a large share and no
 * trend: of twenty uploads in an hour, two slow ones would wake somebody (SRE Workbook, chapter 5, low traffic).
 */
const trend = 10

const ratioOf = ({ name }: Slo, window: string) => `parley:slo_${name.toLowerCase()}:bad_ratio_rate${window}`
const countOf = ({ name }: Slo, window: string) => `parley:slo_${name.toLowerCase()}:bad_increase${window}`

/** What is recorded of each promise, and the alerts on it. */
export function burnRateGroups(slos: Slo[]): RuleGroup[] {
  return [
    {
      name: 'parley-slo-ratios',
      interval: '30s',
      rules: slos.flatMap((slo) => [
        ...windows.map((window) => ({
          record: ratioOf(slo, window),
          expr: `${slo.bad(window)} / ${slo.all(window)}`,
        })),
        ...burns.map(({ long }) => ({ record: countOf(slo, long), expr: slo.bad(long) })),
      ]),
    },
    { name: 'parley-slo-alerts', rules: slos.flatMap(alertsOf) },
  ]
}

function alertsOf(slo: Slo): Rule[] {
  const allowed = 1 - slo.objective
  return burns.map(({ suffix, factor, long, short, severity }) => {
    const limit = Number((factor * allowed).toPrecision(6))
    return {
      alert: `Parley${slo.name}${suffix}`,
      expr:
        `${ratioOf(slo, long)} > ${limit} and ${ratioOf(slo, short)} > ${limit} ` +
        `and ${countOf(slo, long)} >= ${trend}`,
      labels: { severity, slo: slo.name.toLowerCase() },
      annotations: {
        summary: `Too many ${slo.says}: ${factor} times the allowance of 28 days over ${long}`,
        runbook_url: `docs/runbooks/${slo.runbook}.md`,
      },
    }
  })
}
