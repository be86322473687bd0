import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { StackError } from '../stack-error.ts'
import { processIdentity } from './process-identity.ts'

interface RunningProcess {
  name: string
  pid: number
  identity: string
  stopSignal: NodeJS.Signals
}

/**
 * The directory everything of a stack lies in, held by one stack at a time. It remembers which processes are
 * running, so that the next start can end what a killed one left behind.
 */
export class StateDir implements AsyncDisposable {
  readonly dir: string
  #running = new Map<string, RunningProcess>()

  constructor(dir: string) {
    this.dir = dir
    mkdirSync(dir, { recursive: true, mode: 0o755 })
    this.#lock()
  }

  path(...parts: string[]): string {
    return path.join(this.dir, ...parts)
  }

  /** A directory within that only its owner may enter, made if it is not there. */
  privateDir(name: string): string {
    const dir = this.path(name)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return dir
  }

  note(name: string, pid: number, stopSignal: NodeJS.Signals): void {
    const identity = processIdentity(pid)
    if (identity) this.#running.set(name, { name, pid, identity, stopSignal })
    writeFileSync(this.path('processes.json'), JSON.stringify([...this.#running.values()]))
  }

  /** Ends the processes of a stack that was killed: each gets its own signal and, if it stays, is killed. */
  async endLeftovers(): Promise<string[]> {
    const left = this.#readProcesses().filter(isAlive)
    for (const { pid, stopSignal } of left) process.kill(pid, stopSignal)
    const deadline = Date.now() + 8_000
    while (left.some(isAlive) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50))
    for (const leftover of left) if (isAlive(leftover)) process.kill(leftover.pid, 'SIGKILL')
    return left.map(({ name }) => name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.path('processes.json'), { force: true })
    rmSync(this.path('lock'), { force: true })
  }

  #lock(): void {
    const mine = JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) })
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        writeFileSync(this.path('lock'), mine, { flag: 'wx' })
        return
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
          throw new StackError(`${this.dir} cannot be written: ${(cause as Error).message}`, { cause })
        }
        const owner = readJson<{ pid: number; identity: string }>(this.path('lock'))
        if (owner && processIdentity(owner.pid) === owner.identity) {
          throw new StackError(
            `Parley is already running on ${this.dir} (process ${owner.pid}): stop that one first, or set PARLEY_STATE_DIR to start a second`,
          )
        }
        rmSync(this.path('lock'), { force: true })
      }
    }
    throw new StackError(`${this.dir} is being taken by another start of Parley`)
  }

  #readProcesses(): RunningProcess[] {
    return readJson<RunningProcess[]>(this.path('processes.json')) ?? []
  }
}

function isAlive({ pid, identity }: RunningProcess): boolean {
  return processIdentity(pid) === identity
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch {
    // Absent, or cut short by the kill that left it: both mean that nothing is known.
    return undefined
  }
}
