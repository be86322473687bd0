import { startWorker } from '@parley/shared/jobs'
import { mediaProcessing } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import type { Context } from '../context.ts'
import { startImageProcesses } from './image-processes.ts'
import { processMedia } from './process-media.ts'

/** Takes images from the queue, a few at once, each read by a process of its own. */
export function startProcessing(ctx: Context): AsyncDisposable {
  const { concurrency, timeLimitMs } = ctx.config.processing
  const owned = new AsyncDisposableStack()
  const connection = owned.adopt(openRedis({ ...ctx.config.redis, use: 'worker' }, ctx.log), (client) =>
    client.disconnect(),
  )
  const images = owned.use(startImageProcesses({ count: concurrency, timeLimitMs, log: ctx.log }))
  // Twice as many in hand as are read at once, so that a process need not wait while others fetch and store.
  const inHand = 2 * concurrency
  // One file may be before it in the process.
  const leaseMs = 2 * timeLimitMs + 10_000
  owned.use(
    startWorker(mediaProcessing, { connection, log: ctx.log, concurrency: inHand }, ({ mediaId }) =>
      processMedia({ ...ctx, images, leaseMs }, mediaId),
    ),
  )
  return owned
}
