import { type Job, Queue } from 'bullmq'
import { z } from 'zod'
import { AppError } from './errors.ts'
import type { HttpApp } from './http.ts'
import { queuePrefix } from './jobs.ts'
import type { Logger } from './log.ts'
import type { RedisClient } from './redis.ts'

const states = ['waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed'] as const
/** Failed jobs that one request shows or sends back to work. */
const most = 1_000

export interface QueueCounts {
  queue: string
  counts: Record<string, number>
}

/** A job that failed for good, until it is sent back to work or forgotten. */
export interface DeadLetter {
  id: string
  failedAt: string
  attempts: number
  reason: string
  data: unknown
}

const ByQueue = z.strictObject({ queue: z.string() })
const Page = z.strictObject({ limit: z.coerce.number().int().min(1).max(most).default(20) })
const Retry = z.strictObject({ id: z.string().max(256).optional() })

interface QueueAdminOptions {
  kinds: { queue: string }[]
  connection: RedisClient
  log: Logger
}

/** What operators see of the queues, and how they send what failed for good back to work. */
export function serveQueueAdmin(
  app: HttpApp,
  { kinds, connection, log }: QueueAdminOptions,
): AsyncDisposable {
  const queues = new Map(
    kinds.map(({ queue: name }) => {
      const queue = new Queue(name, { connection, prefix: queuePrefix(name) })
      queue.on('error', (err) => log.error({ err, queue: name }, 'queue error'))
      return [name, queue]
    }),
  )
  function get(name: string): Queue {
    const queue = queues.get(name)
    if (!queue) throw new AppError('not_found', `queues are ${[...queues.keys()].join(', ')}`)
    return queue
  }

  app.get('/admin/queues', async (): Promise<{ queues: QueueCounts[] }> => {
    const all = [...queues].map(async ([queue, it]) => ({ queue, counts: await it.getJobCounts(...states) }))
    return { queues: await Promise.all(all) }
  })
  app.get(
    '/admin/queues/:queue/failed',
    { schema: { params: ByQueue, querystring: Page } },
    async ({ params, query }): Promise<{ jobs: DeadLetter[] }> => {
      const jobs = await get(params.queue).getJobs(['failed'], 0, query.limit - 1, false)
      return { jobs: jobs.map(toDeadLetter) }
    },
  )
  app.post(
    '/admin/queues/:queue/failed/retry',
    { schema: { params: ByQueue, body: Retry } },
    async ({ params, body }): Promise<{ retried: number }> => {
      const queue = get(params.queue)
      const jobs = body.id
        ? [await queue.getJob(body.id)]
        : await queue.getJobs(['failed'], 0, most - 1, true)
      const failed: Job[] = []
      for (const job of jobs) if (job && (await job.isFailed())) failed.push(job)
      if (body.id && failed.length === 0) throw new AppError('not_found', 'no such job has failed')
      await Promise.all(failed.map((job) => job.retry('failed', { resetAttemptsMade: true })))
      return { retried: failed.length }
    },
  )
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
    },
  }
}

function toDeadLetter(job: Job<unknown>): DeadLetter {
  return {
    id: job.id ?? '',
    failedAt: new Date(job.finishedOn ?? job.timestamp).toISOString(),
    attempts: job.attemptsMade,
    reason: job.failedReason,
    data: job.data,
  }
}
