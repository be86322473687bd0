import { type Bar, bars } from '../bars.ts'
import type { MachineReport } from '../machine.ts'
import type { CaseReport, Table } from '../section.ts'
import type { Settings } from '../settings.ts'
import type { Verdict } from './judge.ts'

interface Run {
  at: string
  settings: Pick<Settings, 'rounds' | 'seconds' | 'size' | 'stormSockets' | 'entries'>
  machine: MachineReport
  verdicts: Verdict[]
  reports: CaseReport[]
}

/** The report as people read it: the bars first, then what stands behind them. */
export function toMarkdown({ at, settings, machine, verdicts, reports }: Run): string {
  return [
    `# Bench of ${at.slice(0, 16).replace('T', ' ')} UTC`,
    '',
    `${machine.cores} × ${machine.cpu}, Node ${machine.node}. ${amountsOf(settings)} One of each side in turn; figures are medians of the rounds, and what is measured of a ratio is the median of the rounds' ratios.`,
    '',
    toTable(barTable(verdicts)),
    ...reports.flatMap(({ name, tables, notes, voids }) => [
      ...tables.flatMap((table) => ['', `## ${table.title}`, '', toTable(table)]),
      ...(notes.length + voids.length > 0 ? [''] : []),
      ...voids.map((why) => `- **${name} is void**: ${why}`),
      ...notes.map((note) => `- ${name}: ${note}`),
    ]),
  ].join('\n')
}

/** A smaller run than the bars speak of says so. */
function amountsOf({ size, rounds, seconds, stormSockets, entries }: Run['settings']): string {
  const [sockets, stored] = [stormSockets, entries].map((it) => it.toLocaleString('en'))
  return `Size ${size}: rounds ${rounds}, ${seconds} s each, storms of ${sockets} sockets, ${stored} stored entries.`
}

/** One table of a kind for cases that fill its rows together. */
export function joinTables(reports: CaseReport[]): CaseReport[] {
  const byTitle = new Map<string, Table>()
  return reports.map((report) => ({
    ...report,
    tables: report.tables.filter((table) => {
      const first = byTitle.get(table.title)
      if (first) first.rows.push(...table.rows)
      else byTitle.set(table.title, table)
      return !first
    }),
  }))
}

/** Every bar, in the order they are declared. */
function barTable(verdicts: Verdict[]): Table {
  return {
    title: 'Bars',
    head: ['bar', 'beside', 'Parley', 'beside it', 'measured (range)', 'goal', ''],
    rows: Object.entries<Bar>(bars).map(([id, bar]) => {
      const verdict = verdicts.find((it) => it.id === id)
      return [bar.name, bar.beside ?? '', ...figuresOf(verdict), goalOf(bar), outcomeOf(verdict)]
    }),
  }
}

function figuresOf(verdict: Verdict | undefined): string[] {
  if (!verdict) return ['', '', '']
  const { product, bare, measured, unit, lowest, highest } = verdict
  return [
    figure(product),
    bare === undefined ? '' : figure(bare),
    `${figure(measured)} ${unit} (${figure(lowest)} to ${figure(highest)})`,
  ]
}

function outcomeOf(verdict: Verdict | undefined): string {
  if (!verdict) return 'not measured'
  return verdict.outcome === 'met' ? 'met' : `**${verdict.outcome}**`
}

const goalOf = ({ direction, goal, unit }: Bar) => `${direction === 'at least' ? '≥' : '≤'} ${goal} ${unit}`

/** Three digits that count, and no less of a large number than all before its point. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return 'none'
  const digits = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(2, Math.max(0, 2 - digits)) })
}

export function toTable({ head, rows }: Table): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
