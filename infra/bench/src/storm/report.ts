import { median } from '../statistics.ts'
import type { StormResult } from './run-storm.ts'

export interface StormRound extends StormResult {
  /** What Postgres was asked per client, beyond what it is asked anyway. */
  statements?: { text: string; each: number; ms: number }[]
  /** Entries that a member of their conversation never saw. */
  lacking?: number
}

export interface StormCase {
  name: 'bare' | 'kill' | 'drain'
  rounds: StormRound[]
}

const labels: Record<StormCase['name'], string> = {
  bare: 'stock Socket.IO, nothing asked, killed',
  kill: 'Parley, kill -9, everybody at once',
  drain: 'Parley, SIGTERM, by ticket',
}

export function toMarkdown(cases: StormCase[], sockets: number): string {
  const bareMs = median(cases.find(({ name }) => name === 'bare')?.rounds.map(({ tookMs }) => tookMs) ?? [])
  const rows = cases.map(({ name, rounds }) => {
    const mid = (of: (round: StormRound) => number) => median(rounds.map(of))
    return [
      labels[name],
      seconds(mid(({ backMs }) => backMs.p50)),
      seconds(mid(({ backMs }) => backMs.p99)),
      seconds(mid(({ syncedMs }) => syncedMs.p99)),
      name === 'drain' ? seconds(mid(({ syncedSinceToldMs }) => syncedSinceToldMs?.p99 ?? Number.NaN)) : '',
      `${seconds(mid(({ tookMs }) => tookMs))} (${rounds.map(({ tookMs }) => seconds(tookMs)).join(', ')})`,
      name === 'kill' && bareMs ? `${(mid(({ tookMs }) => tookMs) / bareMs).toFixed(2)} x` : '',
      name === 'bare' ? '' : mid(statementsEach).toFixed(2),
      String(mid(({ refusals }) => refusals)),
      name === 'bare' ? '' : String(rounds.reduce((sum, { lacking = 0 }) => sum + lacking, 0)),
      Object.entries(rounds.at(-1)?.cpuMs ?? {})
        .map(([part, ms]) => `${part} ${((ms * 1_000) / sockets).toFixed(0)}`)
        .join(', '),
    ].join(' | ')
  })
  return [
    `${sockets} sockets; seconds from the loss of the node, medians of the rounds.`,
    '',
    '| case | back p50 | back p99 | synced p99 | synced p99 since told | all synced (each round) | beside bare | statements each | refusals | entries lost | CPU us per client |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    ...cases.flatMap(statementLines),
  ].join('\n')
}

function statementLines({ name, rounds }: StormCase): string[] {
  const { statements = [] } = rounds.at(-1) ?? {}
  if (statements.length === 0) return []
  return [
    '',
    `Statements of the last round, ${name}:`,
    ...statements.map(
      ({ text, each, ms }) =>
        `- ${each.toFixed(3)} each, ${ms.toFixed(0)} ms in all: \`${text.replaceAll(/\s+/g, ' ').slice(0, 110)}\``,
    ),
  ]
}

/** What Postgres was asked for each client. */
export const statementsEach = ({ statements = [] }: StormRound) =>
  statements.reduce((sum, { each }) => sum + each, 0)
const seconds = (ms: number) => (ms / 1_000).toFixed(2)
