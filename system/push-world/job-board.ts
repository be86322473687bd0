import { setImmediate as turn } from 'node:timers/promises'
import { type JobInHand, type JobToAdd, RetryLater } from '@parley/shared/jobs'
import type { Scheduler } from 'fast-check'

interface Job {
  id: string
  attempt: number
  /** As BullMQ counts: at first, and again after it failed or its worker was taken for dead. */
  isWaiting: boolean
  run: (step: Step, job: JobInHand) => Promise<void>
}

/** One run of a job. What is dead does nothing any more, wherever it was. */
interface Worker {
  job: Job
  isDead: boolean
}

/** A call of a worker: made at once, answered when the scheduler lets it. A dead worker's never comes back. */
export type Step = <T>(work: () => Promise<T>) => Promise<T>

interface JobBoardOptions {
  scheduler: Scheduler
  /** Takes the failures of jobs that did not ask to be tried again. */
  wrong: string[]
}

/** BullMQ, played: the jobs of all queues and the workers that have them in hand. */
export function createJobBoard({ scheduler, wrong }: JobBoardOptions) {
  const jobs = new Map<string, Job>()
  const workers = new Set<Worker>()
  let added = 0

  function queueOf<Data>(work: (data: Data, step: Step, job: JobInHand) => Promise<void>) {
    return {
      async add(toAdd: JobToAdd<Data>[]): Promise<void> {
        for (const { id, data } of toAdd) {
          if (jobs.has(id)) continue
          added++
          jobs.set(id, { id, attempt: 0, isWaiting: true, run: (step, job) => work(data, step, job) })
        }
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  const waiting = () => [...jobs.values()].filter(({ isWaiting }) => isWaiting)

  /** Hands out the job that waits the longest. */
  function work(): void {
    const [job] = waiting()
    if (job) begin(job)
  }

  function begin(job: Job): void {
    job.isWaiting = false
    job.attempt++
    const worker = { job, isDead: false }
    workers.add(worker)
    const inHand = { id: job.id, claim: `${job.id}@1`, attempt: job.attempt, lastAttempt: job.attempt >= 64 }
    job.run(stepOf(worker), inHand).then(
      () => finish(worker),
      (err: unknown) => {
        if (!(err instanceof RetryLater)) wrong.push(`a job failed: ${String(err)}`)
        finish(worker, err)
      },
    )
  }

  function stepOf(worker: Worker): Step {
    return async <T>(work: () => Promise<T>) => {
      const done = await scheduler.scheduleFunction(async () =>
        worker.isDead ? undefined : { result: await work().catch((err: unknown) => ({ err })) },
      )()
      if (!done || worker.isDead) return new Promise<T>(() => {})
      if (done.result !== null && typeof done.result === 'object' && 'err' in done.result)
        throw done.result.err
      return done.result as T
    }
  }

  function finish(worker: Worker, err?: unknown): void {
    workers.delete(worker)
    // Remembered when it is done, so that the same job is not added again.
    if (isOnBoard(worker.job)) worker.job.isWaiting = err !== undefined
  }

  const isOnBoard = (job: Job) => jobs.get(job.id) === job

  /** Lets so many steps be answered, each followed by whatever comes of it without a further answer. */
  async function proceed(steps: number): Promise<void> {
    await settleDown()
    for (let i = 0; i < steps && scheduler.count() > 0; i++) {
      await scheduler.waitOne()
      await settleDown()
    }
  }

  async function settleDown(): Promise<void> {
    for (let i = 0; i < 6; i++) await turn()
  }

  /** BullMQ takes a busy worker for dead and hands its job out again, while it goes on. */
  function stall(): void {
    const [worker] = workers
    if (worker && isOnBoard(worker.job)) worker.job.isWaiting = true
  }

  function kill(): void {
    const [worker] = workers
    if (!worker) return
    worker.isDead = true
    finish(worker, 'killed')
  }

  return {
    queueOf,
    work,
    proceed,
    stall,
    kill,
    /** The jobs are gone; who is working goes on. */
    clear: () => jobs.clear(),
    /** How many jobs there ever were. */
    addedCount: () => added,
    hasWorkers: () => workers.size > 0,
    isIdle: () => workers.size === 0 && waiting().length === 0,
  }
}

export type JobBoard = ReturnType<typeof createJobBoard>
