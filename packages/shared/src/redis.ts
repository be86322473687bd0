import { Redis } from 'ioredis'
import type { Logger } from 'pino'

interface RedisConfig {
  url: string
  /**
   * `request`: a command fails after a few tries while Redis is away. `worker`: waits for ever, as a queue
   * worker must. `publish`: fails at once, because an emit that waited for Redis would stall local delivery.
   */
  use?: 'request' | 'worker' | 'publish'
}

const optionsFor = {
  request: { maxRetriesPerRequest: 2, enableAutoPipelining: true, commandTimeout: 5_000 },
  worker: { maxRetriesPerRequest: null },
  publish: { maxRetriesPerRequest: 0, enableOfflineQueue: false, enableAutoPipelining: true },
}

/** A client that reports its troubles to the log. ioredis prints them to the console if nobody listens. */
export function openRedis({ url, use = 'request' }: RedisConfig, log: Logger): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2),
    ...optionsFor[use],
  })
  client.on('error', (err) => log.error({ err }, 'redis error'))
  return client
}
