import { once } from 'node:events'
import { createInterface } from 'node:readline'
import {
  type Command,
  isRunning,
  type OwnedProcess,
  startProcess,
  waitUntilReady,
} from '@parley/testing/owned-process'

export interface ProcessPlan {
  name: string
  /** Asked before every start, so that it may first clear what the last run left. */
  command: () => Promise<Command>
  /** Throws while the process cannot do its work yet. */
  ready: () => Promise<void>
  stopSignal?: NodeJS.Signals
  graceMs?: number
  /** The pause before the start that follows this many failures in a row. */
  pauseMs?: (failures: number) => number
}

interface Listeners {
  onLine: (line: string) => void
  /** What an operator may want to know, as a sentence. */
  onNews: (news: string) => void
  onPid: (pid: number) => void
}

/** Starts in a row that did not last, after which a process is left alone. */
const maxFailures = 10
/** A run as long as this forgets the failures before it. */
const lastedMs = 10_000
const deadly = new Set<NodeJS.Signals>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'])
const growingPause = (failures: number) => Math.min(100 * 2 ** failures, 5_000)

/** Keeps one process running: started again when it ends by itself, with growing pauses, a bounded number of times. */
export class SupervisedProcess implements AsyncDisposable {
  readonly name: string
  #plan: ProcessPlan
  #listeners: Listeners
  #current: OwnedProcess | undefined
  #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #ready = Promise.withResolvers<void>()
  #readyIsSettled = false
  #hasBeenReady = false

  constructor(plan: ProcessPlan, listeners: Listeners) {
    this.name = plan.name
    this.#plan = plan
    this.#listeners = listeners
    this.#stop.abort()
  }

  get pid(): number | undefined {
    return this.#current && isRunning(this.#current.child) ? this.#current.child.pid : undefined
  }

  /** Resolves when the process can do its work; throws when its first run ends before that. */
  async start(): Promise<void> {
    if (!this.#stop.signal.aborted) return this.whenReady()
    await this.#loop
    this.#stop = new AbortController()
    this.#hasBeenReady = false
    this.#unready()
    this.#loop = this.#keepRunning(this.#stop.signal)
    await this.whenReady()
  }

  /** Waits for the run that is under way, or the next one. Throws when there will be none. */
  whenReady(): Promise<void> {
    return this.#ready.promise
  }

  /** Sends a signal and leaves the rest to the supervision: a process that dies of it is started again. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    // Until the end of this run is noticed, nobody may take its readiness for the next one's.
    if (deadly.has(signal)) this.#unready()
    this.#current?.child.kill(signal)
  }

  /** Ends the process and does not start it again. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#unready()
    this.#refuse(new Error(`${this.name} is stopped`))
    await this.#current?.[Symbol.asyncDispose]()
    await this.#loop
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Begins to wait for readiness anew; those who wait already keep waiting. */
  #unready(): void {
    if (!this.#readyIsSettled) return
    this.#readyIsSettled = false
    this.#ready = Promise.withResolvers()
  }

  #refuse(failure: Error): void {
    this.#readyIsSettled = true
    // Nobody may be waiting.
    this.#ready.promise.catch(() => {})
    this.#ready.reject(failure)
  }

  async #keepRunning(stop: AbortSignal): Promise<void> {
    let failures = 0
    while (!stop.aborted) {
      const startedAt = Date.now()
      const failure = await this.#runOnce(stop)
      if (stop.aborted) break
      if (failure && !this.#hasBeenReady) return this.#giveUp(failure)
      failures = Date.now() - startedAt > lastedMs ? 1 : failures + 1
      if (failures > maxFailures) {
        this.#listeners.onNews(`${this.name} ended ${failures} times in a row and is left alone`)
        return this.#giveUp(new Error(`${this.name} keeps ending`))
      }
      this.#listeners.onNews(`${this.name} ended (${this.#howItEnded()}) and is started again`)
      await delay((this.#plan.pauseMs ?? growingPause)(failures), stop)
    }
  }

  #giveUp(failure: Error): void {
    this.#stop.abort()
    this.#refuse(failure)
  }

  /** One run from start to end. Gives back why it never became ready, if it did not. */
  async #runOnce(stop: AbortSignal): Promise<Error | undefined> {
    const { name, command, ready, stopSignal = 'SIGTERM', graceMs = 5_000 } = this.#plan
    const plan = await command()
    if (stop.aborted) return undefined
    // A group of its own, so that Ctrl-C in the terminal reaches us alone and we keep the order of the stop.
    const options = { ...plan.options, detached: true }
    const run = startProcess({ ...plan, options }, { stopSignal, graceMs })
    this.#current = run
    const ended = run.child.pid === undefined ? Promise.resolve() : once(run.child, 'close')
    for (const stream of [run.child.stdout, run.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', this.#listeners.onLine)
    }
    if (run.child.pid !== undefined) this.#listeners.onPid(run.child.pid)
    try {
      await waitUntilReady(name, run, ready)
      this.#hasBeenReady = true
      this.#readyIsSettled = true
      this.#ready.resolve()
    } catch (cause) {
      await run[Symbol.asyncDispose]()
      return cause instanceof Error ? cause : new Error(String(cause))
    }
    await ended
    if (!stop.aborted) this.#unready()
    return undefined
  }

  #howItEnded(): string {
    const child = this.#current?.child
    return child?.signalCode ?? `code ${child?.exitCode ?? 'unknown'}`
  }
}

async function delay(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const timer = Promise.withResolvers<void>()
  const timeout = setTimeout(timer.resolve, ms)
  signal.addEventListener('abort', () => timer.resolve(), { once: true })
  await timer.promise
  clearTimeout(timeout)
}
