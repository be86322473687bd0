import { startWorker } from '@parley/shared/jobs'
import { callPush } from '@parley/shared/queues'
import type { Config } from '../config.ts'
import type { Context } from '../context.ts'
import { pushCall } from './push-call.ts'

/** Takes calls off their queue, beside whoever is busy with chat. Disposing waits for those in hand. */
export function startCalls(
  ctx: Context,
  { callConcurrency }: Pick<Config, 'callConcurrency'>,
): AsyncDisposable {
  const log = ctx.log.child({ component: 'calls' })
  return startWorker(
    callPush,
    { connection: ctx.queueRedis, log, concurrency: callConcurrency },
    (data, job) => pushCall({ ...ctx, log }, data, job),
  )
}
