import type { ScenarioResult } from './run-scenario.ts'

/** For people: a line for each scenario, what it cost them to wait, and what went wrong. */
export function toMarkdown(results: ScenarioResult[], target: string): string {
  const rows = results.map(({ name, perSecond, seconds, aggregate: { counters, summaries }, faults }) => {
    const time = (of: string) => {
      const it = summaries[of]
      return it ? `${it.median.toFixed(0)} / ${it.p95.toFixed(0)} / ${it.p99.toFixed(0)}` : ''
    }
    return [
      name,
      `${perSecond}/s for ${seconds} s`,
      `${counters['vusers.completed'] ?? 0} of ${counters['vusers.created'] ?? 0}`,
      String(counters['socketio.emit'] ?? 0),
      time('socketio.response_time'),
      String((counters['parley.entries_heard'] ?? 0) + (counters['parley.typing_heard'] ?? 0)),
      time('parley.delivery_ms'),
      faults.length === 0 ? 'good' : 'not good',
    ].join(' | ')
  })
  const media = results
    .map(({ aggregate: { summaries } }) => [
      summaries['parley.upload_ms'],
      summaries['parley.media_ready_ms'],
    ])
    .filter(([upload]) => upload)
    .map(
      ([upload, ready]) =>
        `Photos: uploaded in ${upload?.median.toFixed(0)} / ${upload?.p99.toFixed(0)} ms, ready ${ready?.median.toFixed(0)} / ${ready?.p99.toFixed(0)} ms later (median / p99).`,
    )
  const faults = results.flatMap(({ name, faults: some }) => some.map((fault) => `- ${name}: ${fault}`))
  return [
    `Load on ${target}. Times are milliseconds, median / p95 / p99; of a delivery from the sender's hand to the receiver's, by one clock.`,
    '',
    '| scenario | people | came to their end | asked | answered after | heard | delivered after | verdict |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    ...(media.length > 0 ? ['', ...media] : []),
    ...(faults.length > 0 ? ['', 'What went wrong:', '', ...faults] : []),
  ].join('\n')
}
