import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Logger } from '@parley/shared/log'
import { idleBytesPerProcess, jobsPerProcess } from './limits.ts'
import { NoAnswer } from './no-answer.ts'
import { createSlots } from './slots.ts'
import { TransformReply, type TransformRequest } from './transform.ts'
import { residentBytes, watchMemory } from './watch-memory.ts'

interface ImageProcessOptions {
  count: number
  /** For one file, from when a process has it. */
  timeLimitMs: number
  /** Resident, of one process. */
  memoryLimitBytes: number
  log: Logger
}

interface ImageProcess {
  child: ChildProcess
  jobs: number
}

/**
 * Processes that read images, so that a file which crashes or stalls a decoder takes nothing with it. They
 * get no environment and so no secrets. Each does one file at a time; at most `count` are at work, and further
 * files wait for one of them.
 */
export function startImageProcesses({ count, timeLimitMs, memoryLimitBytes, log }: ImageProcessOptions) {
  const slots = createSlots(count)
  const idle: ImageProcess[] = []
  const running = new Set<ImageProcess>()

  function take(): ImageProcess {
    for (;;) {
      const known = idle.pop()
      if (!known) break
      if (isAlive(known)) return known
      running.delete(known)
    }
    const started = { child: start(log), jobs: 0 }
    running.add(started)
    return started
  }

  async function end(ended: ImageProcess): Promise<void> {
    running.delete(ended)
    if (!isAlive(ended)) return
    const exited = once(ended.child, 'exit')
    ended.child.kill('SIGKILL')
    await exited
  }

  return {
    get count(): number {
      return running.size
    },

    transform(request: TransformRequest): Promise<TransformReply> {
      return slots.run(async () => {
        const worker = take()
        worker.jobs += 1
        const { child } = worker
        using _ = watchMemory(child.pid ?? 0, memoryLimitBytes, () => child.kill('SIGKILL'))
        try {
          const reply = TransformReply.safeParse(await ask(child, request, timeLimitMs))
          if (!reply.success) throw new NoAnswer('an answer that cannot be read', { cause: reply.error })
          if (await isSpent(worker)) await end(worker)
          else idle.push(worker)
          return reply.data
        } catch (cause) {
          await end(worker)
          throw cause
        }
      })
    },

    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map(end))
    },
  }
}

export type ImageProcesses = ReturnType<typeof startImageProcesses>

function start(log: Logger): ChildProcess {
  const child = fork(path.join(import.meta.dirname, 'transform-child.ts'), {
    // Without a bound on its arenas glibc keeps what each thread once needed, and without low thresholds what a large
    // picture once needed.
    env: { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' },
    execArgv: ['--expose-gc', '--max-old-space-size=256', '--max-semi-space-size=1'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.on('error', (err) => log.error({ err }, 'image process failed'))
  return child
}

function isAlive({ child }: ImageProcess): boolean {
  return child.connected && child.exitCode === null && child.signalCode === null
}

async function isSpent({ child, jobs }: ImageProcess): Promise<boolean> {
  return jobs >= jobsPerProcess || (await residentBytes(child.pid ?? 0)) > idleBytesPerProcess
}

function ask(child: ChildProcess, request: TransformRequest, timeLimitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: unknown) => settle(() => resolve(reply))
    const onExit = (code: number | null, signal: string | null) =>
      settle(() => reject(new NoAnswer(`ended with ${signal ?? code}`)))
    // It was not started, or did not get the file.
    const onError = (cause: Error) =>
      settle(() => reject(new Error('image process cannot be reached', { cause })))
    const timer = setTimeout(
      () => settle(() => reject(new NoAnswer(`no answer in ${timeLimitMs} ms`))),
      timeLimitMs,
    )
    function settle(end: () => void): void {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit).off('error', onError)
      end()
    }
    child.on('message', onMessage).on('exit', onExit).on('error', onError)
    child.send(request, (cause) => cause && onError(cause))
  })
}
