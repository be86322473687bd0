import { startWorker } from '@parley/shared/jobs'
import { chatPush } from '@parley/shared/queues'
import type { Config } from '../config.ts'
import type { Context } from '../context.ts'
import { notify } from './notify.ts'

/** Takes chat pushes off their queue. Disposing waits for those in hand. */
export function startNotifier(ctx: Context, { concurrency }: Pick<Config, 'concurrency'>): AsyncDisposable {
  return startWorker(
    chatPush,
    { connection: ctx.queueRedis, log: ctx.log.child({ component: 'notifier' }), concurrency },
    (data, job) => notify(ctx, data, job),
  )
}
