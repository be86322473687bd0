import { median } from '../statistics.ts'

export interface Round {
  perSecond: number
  /** Microseconds of CPU for each push, by part. */
  cpuUs: Record<string, number>
}

export interface PushReport {
  recipients: number
  /** By case, in the order they were run, one of each in turn. */
  cases: Record<string, { bare: Round; parley: Round }[]>
  /** In megabytes, by part. */
  highestRss: Record<string, number>
}

export function toMarkdown({ recipients, cases, highestRss }: PushReport, parts: readonly string[]): string {
  const rows = Object.entries(cases).map(([name, list]) => {
    const us = (of: 'bare' | 'parley', part: string) =>
      median(list.map((round) => round[of].cpuUs[part] ?? 0)).toFixed(0)
    const rate = (of: 'bare' | 'parley') => median(list.map((round) => round[of].perSecond)).toFixed(0)
    const ratio = median(list.map((round) => round.parley.perSecond / round.bare.perSecond)).toFixed(2)
    return `| ${name} | ${rate('bare')} | ${rate('parley')} | ${ratio} × | ${us('bare', 'push')} | ${parts.map((part) => us('parley', part)).join(', ')} |`
  })
  return [
    `| ${recipients} recipients | bare, pushes/s | Parley, pushes/s | ratio | CPU of the bare client, µs a push | CPU of ${parts.join(', ')} |`,
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `Highest RSS: ${Object.entries(highestRss)
      .map(([part, megabytes]) => `${part} ${megabytes} MB`)
      .join(', ')}.`,
    '',
  ].join('\n')
}
