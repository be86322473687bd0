import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'

export interface Command {
  file: string
  args: string[]
  options: SpawnOptions
}

export interface OwnedProcess extends AsyncDisposable {
  child: ChildProcess
  /** The last lines it printed, for the message of a failure. */
  output: () => string
}

const keptOutput = 4_000

const owned = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of owned) child.kill('SIGKILL')
})

/**
 * A server that lives no longer than its owner: disposing ends it, and so does the end of this process.
 * `stopSignal` asks nicely; what has not gone after `graceMs` is killed.
 */
export function startProcess(
  { file, args, options }: Command,
  { stopSignal = 'SIGTERM', graceMs = 5_000 }: { stopSignal?: NodeJS.Signals; graceMs?: number } = {},
): OwnedProcess {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-keptOutput)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  child.on('error', (err) => keep(Buffer.from(err.message)))
  owned.add(child)
  child.once('close', () => owned.delete(child))
  return {
    child,
    output: () => output.trim(),
    async [Symbol.asyncDispose]() {
      if (!isRunning(child)) return
      const closed = once(child, 'close')
      child.kill(stopSignal)
      const hard = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await closed
      clearTimeout(hard)
    },
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

const readyWithinMs = 90_000

/**
 * Resolves when `ready` does, asking again until then; throws when the process ends first or time runs out.
 * Failures of `ready` are what waiting looks like, so only the last is told.
 */
export async function waitUntilReady(
  name: string,
  started: Pick<OwnedProcess, 'child' | 'output'>,
  ready: () => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + readyWithinMs
  for (;;) {
    try {
      return await ready()
    } catch (cause) {
      if (!isRunning(started.child)) throw new Error(`${name} ended\n${started.output()}`, { cause })
      if (Date.now() > deadline) throw new Error(`${name} is not ready\n${started.output()}`, { cause })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
