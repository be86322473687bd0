import { once } from 'node:events'
import { ConfigError } from '@parley/shared/env'
import { loadConfig } from './config.ts'
import { StackError } from './stack-error.ts'
import { startStack } from './stack.ts'
import { renderSummary } from './summary.ts'

const stopDeadlineMs = 10_000
const startedAt = Date.now()
const colour = process.stdout.isTTY && !process.env['NO_COLOR']
const tell = (text: string) => process.stdout.write(`${text}\n`)

// A terminal that has been closed takes no more lines, which is no reason to leave the processes alone.
process.stdout.on('error', () => {})

const stop = new AbortController()
// `on`, not `once`: npm and the terminal may both pass a signal on, and the second must not end us half-way.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(name))
stop.signal.addEventListener('abort', () => {
  tell('stopping')
  setTimeout(() => process.exit(1), stopDeadlineMs).unref()
})

try {
  const config = loadConfig(process.env)
  await using stack = await startStack({
    ...config,
    inherited: process.env,
    terminal: process.stdout,
    colour,
    signal: stop.signal,
  })
  tell(renderSummary(stack.urls, config.stateDir, Date.now() - startedAt))
  if (!stop.signal.aborted) await once(stop.signal, 'abort')
} catch (cause) {
  if (!stop.signal.aborted) tellFailure(cause)
}
if (stop.signal.aborted) tell('stopped; the data stays')
process.exit()

function tellFailure(cause: unknown): void {
  process.exitCode = 1
  const known = cause instanceof StackError || cause instanceof ConfigError
  const text = cause instanceof Error ? (known ? cause.message : cause.stack) : String(cause)
  process.stderr.write(`\nParley did not start: ${text}\n`)
}
