import type { LoadResult } from './run-load.ts'

export interface CaseResult {
  name: string
  /** In the order they were run, one of each in turn. */
  rounds: { relay: LoadResult; parley: LoadResult }[]
}

export interface CaseSummary {
  name: string
  relay: Figures
  parley: Figures
  /** Medians of the ratios of each round. */
  ratio: { messagesPerSecond: number; cpuPerMessage: number }
}

interface Figures {
  messagesPerSecond: number
  cpuUsPerMessage: number
  cpuUsByPart: Record<string, number>
  ackP50Ms: number
  ackP99Ms: number
}

export function summarise({ name, rounds }: CaseResult): CaseSummary {
  const ratio = (of: (result: LoadResult) => number) =>
    median(rounds.map(({ relay, parley }) => of(parley) / of(relay)))
  return {
    name,
    relay: figures(rounds.map(({ relay }) => relay)),
    parley: figures(rounds.map(({ parley }) => parley)),
    ratio: { messagesPerSecond: ratio((it) => it.messagesPerSecond), cpuPerMessage: ratio(totalCpu) },
  }
}

export function toMarkdown(summaries: CaseSummary[]): string {
  const rows = summaries.map(({ name, relay, parley, ratio }) =>
    [
      name,
      ...[relay, parley].map((it) => it.messagesPerSecond.toFixed(0)),
      `${ratio.messagesPerSecond.toFixed(2)} x`,
      ...[relay, parley].map((it) => it.cpuUsPerMessage.toFixed(0)),
      `${ratio.cpuPerMessage.toFixed(2)} x`,
      ...[relay, parley].map((it) => `${it.ackP50Ms.toFixed(1)} / ${it.ackP99Ms.toFixed(1)}`),
    ].join(' | '),
  )
  const parts = summaries.map(
    ({ name, parley }) =>
      `- ${name}: ${Object.entries(parley.cpuUsByPart)
        .map(([part, us]) => `${part} ${us.toFixed(0)}`)
        .join(', ')}`,
  )
  return [
    '| case | relay msg/s | parley msg/s | ratio | relay CPU us/msg | parley CPU us/msg | ratio | relay ack p50 / p99 ms | parley ack p50 / p99 ms |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    '',
    'CPU of the product by part, microseconds per message:',
    ...parts,
  ].join('\n')
}

function figures(results: LoadResult[]): Figures {
  const parts = Object.keys(results[0]?.cpuUsPerMessage ?? {})
  return {
    messagesPerSecond: median(results.map((it) => it.messagesPerSecond)),
    cpuUsPerMessage: median(results.map(totalCpu)),
    cpuUsByPart: Object.fromEntries(
      parts.map((part) => [part, median(results.map((it) => it.cpuUsPerMessage[part] ?? 0))]),
    ),
    ackP50Ms: median(results.map((it) => it.ackMs.p50)),
    ackP99Ms: median(results.map((it) => it.ackMs.p99)),
  }
}

const totalCpu = (result: LoadResult) =>
  Object.values(result.cpuUsPerMessage).reduce((sum, us) => sum + us, 0)

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
