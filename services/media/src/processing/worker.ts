import { startWorker } from '@parley/shared/jobs'
import { mediaProcessing } from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { isImage } from '../content-type/accepted.ts'
import type { Context } from '../context.ts'
import { createFfmpeg } from '../ffmpeg/ffmpeg.ts'
import { startImageProcesses } from './image-processes.ts'
import { processMedia } from './process-media.ts'
import { createSlots } from './slots.ts'

/** A film is asked about, written anew, asked about again and shown a frame of; a sound is written twice and heard. */
const runsOfFfmpeg = 5

/** Takes uploads from the queue, a few at once, each read by processes of its own. */
export function startProcessing(ctx: Context): AsyncDisposable {
  const { concurrency, timeLimitMs, filmTimeLimitMs, memoryLimitBytes } = ctx.config.processing
  const scanTimeLimitMs = ctx.config.clamav?.timeLimitMs ?? 0
  const owned = new AsyncDisposableStack()
  const connection = owned.adopt(openRedis({ ...ctx.config.redis, use: 'worker' }, ctx.log), (client) =>
    client.disconnect(),
  )
  const images = owned.use(
    startImageProcesses({ count: concurrency, timeLimitMs, memoryLimitBytes, log: ctx.log }),
  )
  const ffmpeg = createFfmpeg({ ...ctx.config.ffmpeg, timeLimitMs: filmTimeLimitMs, memoryLimitBytes })
  const tools = { images, ffmpeg, slots: createSlots(concurrency) }
  // Twice as many in hand as are read at once, so that a process need not wait while others fetch and store.
  const inHand = 2 * concurrency
  // One file may be before it in the process.
  const leaseMs = (contentType: string) =>
    2 * (isImage(contentType) ? timeLimitMs : runsOfFfmpeg * filmTimeLimitMs) + scanTimeLimitMs + 10_000
  const { log, tracing } = ctx
  owned.use(
    startWorker(mediaProcessing, { connection, log, concurrency: inHand, tracing }, ({ mediaId }) =>
      processMedia({ ...ctx, tools, leaseMs }, mediaId),
    ),
  )
  return owned
}
