import { startWorker } from '@parley/shared/jobs'
import { chatPush, withdrawal } from '@parley/shared/queues'
import type { Config } from '../config.ts'
import type { Context } from '../context.ts'
import { notify } from './notify.ts'
import { withdraw } from './withdraw.ts'

/** Takes pushes off their queues. Disposing waits for those in hand. */
export function startNotifier(ctx: Context, { concurrency }: Pick<Config, 'concurrency'>): AsyncDisposable {
  const { queueRedis: connection, tracing } = ctx
  const options = { connection, log: ctx.log.child({ component: 'notifier' }), concurrency, tracing }
  const workers = [
    startWorker(chatPush, options, (data, job) => notify(ctx, data, job)),
    startWorker(withdrawal, options, (data, job) => withdraw(ctx, data, job)),
  ]
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
    },
  }
}
