import { type JobsOptions, type MinimalJob, Queue, UnrecoverableError, Worker } from 'bullmq'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { z } from 'zod'
import type { RedisClient } from './redis.ts'
import { during, traceIdOf, type Tracing } from './tracing.ts'

/** A kind of background job: its queue, what it carries, how it is retried. Producer and worker import the same value. */
export interface JobKind<Data extends z.ZodType> {
  queue: string
  data: Data
  options: JobsOptions
}

export const jobKind = <Data extends z.ZodType>(kind: JobKind<Data>): JobKind<Data> => kind

/** Stands before every key of a queue: in a Redis Cluster its keys share a slot, and queues need not share a node. */
export const queuePrefix = (queue: string) => `{parley:${queue}}`

export interface JobToAdd<Data> {
  data: Data
  /** Adding the same id again while the first is remembered does nothing. BullMQ refuses `:` in it. */
  id: string
  delayMs?: number
}

export function openQueue<Data extends z.ZodType>(kind: JobKind<Data>, connection: RedisClient, log: Logger) {
  const queue = new Queue<unknown, void, string>(kind.queue, {
    connection,
    prefix: queuePrefix(kind.queue),
    defaultJobOptions: kind.options,
  })
  queue.on('error', (err) => log.error({ err, queue: kind.queue }, 'queue error'))
  return {
    async add(jobs: JobToAdd<z.input<Data>>[]): Promise<void> {
      await queue.addBulk(
        jobs.map(({ data, id, delayMs }) => ({
          name: kind.queue,
          data,
          opts: { jobId: id, ...(delayMs ? { delay: delayMs } : {}) },
        })),
      )
    },
    [Symbol.asyncDispose]: () => queue.close(),
  }
}

/**
 * Shows what queues hold, for dashboards and autoscalers. Asked of Redis at each scrape; while Redis does not
 * answer the series are absent, not zero. Every process that shows a queue shows the same: take the highest.
 */
export function observeQueues(
  kinds: Pick<JobKind<z.ZodType>, 'queue'>[],
  { connection, registry, log }: { connection: RedisClient; registry: Registry; log: Logger },
): AsyncDisposable {
  const queues = kinds.map((kind) => {
    const queue = new Queue(kind.queue, { connection, prefix: queuePrefix(kind.queue) })
    queue.on('error', (err) => log.error({ err, queue: kind.queue }, 'queue error'))
    return queue
  })
  new Gauge({
    name: 'parley_queue_jobs',
    help: 'Jobs of a queue by state',
    labelNames: ['queue', 'state'],
    registers: [registry],
    async collect() {
      this.reset()
      const all = await Promise.all(
        queues.map((queue) => withinScrape(queue.getJobCounts(...observedStates))),
      )
      for (const [i, { name }] of queues.entries()) {
        for (const [state, count] of Object.entries(all[i] ?? {})) this.set({ queue: name, state }, count)
      }
    },
  })
  new Gauge({
    name: 'parley_queue_oldest_waiting_seconds',
    help: 'Age of the job that waits the longest for a worker, 0 if none waits',
    labelNames: ['queue'],
    registers: [registry],
    async collect() {
      this.reset()
      const all = await Promise.all(
        queues.map((queue) => withinScrape(queue.getJobs(['waiting'], 0, 0, true))),
      )
      for (const [i, { name }] of queues.entries()) {
        const addedAt = all[i]?.[0]?.timestamp
        // The clocks of those who add jobs may be ahead of ours.
        const ageMs = addedAt === undefined ? 0 : Math.max(0, Date.now() - addedAt)
        if (all[i]) this.set({ queue: name }, ageMs / 1_000)
      }
    },
  })
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(queues.map((queue) => queue.close()))
    },
  }
}

const observedStates = ['waiting', 'prioritized', 'active', 'delayed', 'failed'] as const

/** A scrape must neither fail nor hang because Redis is away. */
async function withinScrape<T>(asked: Promise<T>): Promise<T | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, 2_000, undefined).unref())
  return Promise.race([asked.catch(() => undefined), late])
}

export type JobQueue<Data extends z.ZodType> = ReturnType<typeof openQueue<Data>>

/** Thrown by a job that is to be tried again after `afterMs`. It counts as an attempt. */
export class RetryLater extends Error {
  override name = 'RetryLater'
  readonly afterMs: number

  constructor(message: string, afterMs: number) {
    super(message)
    this.afterMs = afterMs
  }
}

const longestDelayMs = 3_600_000

/** A wait that doubles from `delayMs` with each attempt, up to an hour; or just what a `RetryLater` asks. */
export const patientBackoff = (delayMs: number) => ({ type: 'patient', delay: delayMs })

// BullMQ asks this for every type of backoff that it does not know itself.
function backoffStrategy(attempt: number, _type?: string, err?: Error, job?: MinimalJob): number {
  const backoff = job?.opts.backoff
  const firstMs = (typeof backoff === 'object' ? backoff.delay : backoff) ?? 1_000
  const doubledMs = firstMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
  return Math.round(Math.min(err instanceof RetryLater ? err.afterMs : doubledMs, longestDelayMs))
}

export interface JobInHand {
  id: string
  /** Of this job alone: one that was added again under the same id, after Redis lost the first, has another. */
  claim: string
  /** Attempts begun, this one included. */
  attempt: number
  /** Whether a failure of this attempt is the job's end. */
  lastAttempt: boolean
  /** What follows from it, for the trace of what added it. */
  trace?: string | undefined
}

/** Data of a job with this in it carries the trace of what added it, if that is recorded. */
export const traced = { trace: z.string().max(64).optional() }

interface WorkerOptions {
  connection: RedisClient
  log: Logger
  concurrency?: number
  tracing?: Tracing | undefined
}

/** Disposing waits for the jobs in hand. Data that does not parse will never parse, so it is failed at once. */
export function startWorker<Data extends z.ZodType>(
  kind: JobKind<Data>,
  { connection, log, concurrency = 8, tracing }: WorkerOptions,
  work: (data: z.output<Data>, job: JobInHand) => Promise<void>,
): AsyncDisposable {
  const worker = new Worker<unknown>(
    kind.queue,
    async (job) => {
      const data = kind.data.safeParse(job.data)
      if (!data.success) throw new UnrecoverableError(z.prettifyError(data.error))
      const attempt = job.attemptsMade + 1
      const span = tracing?.follow(traceOf(job.data), kind.queue, {
        kind: 'consumer',
        attributes: { 'parley.job.attempt': attempt, 'parley.job.age_ms': Date.now() - job.timestamp },
      })
      const inHand = {
        id: job.id ?? '',
        claim: `${job.id}@${job.timestamp}`,
        attempt,
        lastAttempt: attempt >= (job.opts.attempts ?? 1),
        trace: span?.traceparent,
      }
      await during(span, () => work(data.data, inHand))
    },
    {
      connection,
      prefix: queuePrefix(kind.queue),
      concurrency,
      settings: { backoffStrategy },
      // Asks again soon where BullMQ would wait 15 s: a primary is replaced in less.
      runRetryDelay: 1_000,
    },
  )
  worker.on('failed', (job, err) =>
    log.warn(
      { err, jobId: job?.id, attempt: job?.attemptsMade, traceId: traceIdOf(traceOf(job?.data)) },
      'job failed',
    ),
  )
  worker.on('error', (err) => log.error({ err, queue: kind.queue }, 'worker error'))
  return {
    // BullMQ would wait for ever for a Redis that is away; what is in hand is then handed out again by it.
    [Symbol.asyncDispose]: () => worker.close(connection.status !== 'ready'),
  }
}

function traceOf(data: unknown): string | undefined {
  const { trace } = (data ?? {}) as { trace?: unknown }
  return typeof trace === 'string' ? trace : undefined
}
