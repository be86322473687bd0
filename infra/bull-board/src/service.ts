import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import { queuePrefix } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import * as kinds from '@parley/shared/queues'
import { openRedis } from '@parley/shared/redis'
import { Queue } from 'bullmq'
import { fastify } from 'fastify'
import type { Config } from './config.ts'

/**
 * Shows every queue of the product and what is in it. It asks nobody who they are, so it must be reachable by
 * operators alone; it changes nothing.
 */
export async function startBullBoard(config: Config) {
  await using opened = new AsyncDisposableStack()
  const log = createLogger('bull-board', config.log)
  const redis = opened.adopt(openRedis(config.redis, log), (it) => it.disconnect())
  const queues = Object.values(kinds).map(({ queue }) =>
    opened.adopt(new Queue(queue, { connection: redis, prefix: queuePrefix(queue) }), (it) => it.close()),
  )

  const board = new FastifyAdapter()
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: board,
    options: { uiConfig: { boardTitle: 'Parley', hideRedisDetails: true } },
  })
  const app = opened.adopt(fastify({ loggerInstance: log }), (it) => it.close())
  await app.register(board.registerPlugin())
  const url = await app.listen(config.http)

  const owned = opened.move()
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
