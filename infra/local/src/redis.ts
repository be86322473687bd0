import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { findRedisServer, pingRedis } from '@parley/testing/redis-server'
import type { ProcessPlan } from './processes/supervised-process.ts'
import { StackError } from './stack-error.ts'

const configFile = path.resolve(import.meta.dirname, '../../redis/redis.conf')

export function redisPlan({ dataDir, port }: { dataDir: string; port: number }): ProcessPlan {
  return {
    name: 'redis',
    async command() {
      mkdirSync(dataDir, { recursive: true })
      const file = await findRedisServer().catch((cause: unknown) => {
        throw new StackError((cause as Error).message, { cause })
      })
      const args = [configFile, '--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir]
      return { file, args, options: { cwd: dataDir } }
    },
    ready: () => pingRedis(port),
  }
}

/** The sentence for a Redis that does not come up on its data. */
export function explainRedis(dataDir: string, cause: unknown): StackError {
  if (cause instanceof StackError) return cause
  const output = cause instanceof Error ? cause.message : ''
  const last = output.split('\n').findLast((line) => line.trim())
  return new StackError(
    `Redis does not start on ${dataDir} (${last ?? 'no reason given'}): removing the directory loses no message, only what is rebuilt`,
    { cause },
  )
}
