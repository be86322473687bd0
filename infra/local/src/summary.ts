import type { Stack } from './stack.ts'

/** What a person needs to know when everything runs. */
export function renderSummary(urls: Stack['urls'], stateDir: string, tookMs: number): string {
  const rows: [string, string][] = [
    ['App origin', urls.app],
    ['Gateways', urls.gateways.join('  ')],
    [
      'Pushes',
      urls.inspector ? `${urls.inspector} (simulated; nothing leaves this machine)` : 'real providers',
    ],
    ['Data', stateDir],
    ['Logs', `${stateDir}/logs`],
    ['Stop', 'Ctrl-C; the data stays'],
  ]
  const lines = rows.map(([label, value]) => `  ${label.padEnd(11)} ${value}`)
  return [``, `Parley runs (started in ${(tookMs / 1_000).toFixed(1)} s)`, ...lines, ''].join('\n')
}
