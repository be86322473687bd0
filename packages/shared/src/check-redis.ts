import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './redis.ts'

/** What operators are told of Redis, from every primary there is. Throws what is wrong. */
export async function checkRedis(client: RedisClient): Promise<string> {
  if (!(client instanceof Cluster)) return checkServer(client)
  const state = /cluster_state:(\w+)/.exec(String(await client.cluster('INFO')))?.[1]
  if (state !== 'ok') throw new Error(`the state of the cluster is ${state}`)
  const primaries = client.nodes('master')
  const words = await Promise.all(primaries.map(checkServer))
  return `cluster of ${primaries.length}, ${[...new Set(words)].join(', ')}`
}

async function checkServer(server: Redis): Promise<string> {
  await server.ping()
  const policy = await server.config('GET', 'maxmemory-policy').catch(() => undefined)
  if (policy === undefined) return 'maxmemory-policy not to be asked here'
  const [, value = 'unknown'] = Array.isArray(policy) ? policy.map(String) : []
  if (value !== 'noeviction') throw new Error(`maxmemory-policy is ${value}, not noeviction`)
  return `maxmemory-policy ${value}`
}
