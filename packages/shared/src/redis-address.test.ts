import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, parseEnv, redisUrl } from './env.ts'
import { parseRedisUrl } from './redis-address.ts'

const Env = z.object({ REDIS_URL: redisUrl })

test.for([
  'redis://localhost',
  'redis://:secret@cache:6380/2',
  'rediss://app:secret@cache.example?family=6',
  'redis://[::1]:6379',
])('%s is one server, and is left as it is', (url) => {
  expect(parseRedisUrl(url)).toEqual({ kind: 'plain', url })
})

test('a cluster is named by some of its nodes', () => {
  expect(parseRedisUrl('redis+cluster://app:p%40ss@one:7000,two,[::1]:7002')).toEqual({
    kind: 'cluster',
    nodes: [
      { host: 'one', port: 7000 },
      { host: 'two', port: 6379 },
      { host: '::1', port: 7002 },
    ],
    credentials: { username: 'app', password: 'p@ss' },
    tls: false,
  })
})

test('sentinels have credentials of their own, and the name of the primary', () => {
  const url = 'rediss+sentinel://:secret@one:443,two/parley?sentinelUsername=looker&sentinelPassword=a%26b'
  expect(parseRedisUrl(url)).toEqual({
    kind: 'sentinel',
    name: 'parley',
    sentinels: [
      { host: 'one', port: 443 },
      { host: 'two', port: 26379 },
    ],
    credentials: { password: 'secret' },
    sentinelCredentials: { username: 'looker', password: 'a&b' },
    tls: true,
  })
})

describe('what is wrong is said, and the password is not', () => {
  test.for([
    ['http://:hidden@host', 'redis+cluster'],
    ['redis+cluster://', 'redis+cluster'],
    ['redis://:hidden@one:1,two:2', 'several addresses'],
    ['redis://:hidden@host:port', 'host or port'],
    ['redis+cluster://:hidden@one:99999', 'host:port'],
    ['redis+cluster://:hidden@one:x', 'host:port'],
    ['redis+cluster://:hidden@one,,two', 'host:port'],
    ['redis+cluster://:hidden@one:1/3', 'nothing goes after'],
    ['redis+cluster://:hidden%zz@one:1', 'percent-encoded'],
    ['redis+sentinel://:hidden@one:1', 'name of the primary'],
    ['redis+sentinel://:hidden@one:1/', 'name of the primary'],
    ['redis+sentinel://:hidden@one:1/name?password=hidden', 'sentinelPassword'],
  ] as const)('%s', ([url, hint]) => {
    const parse = () => parseEnv(Env, { REDIS_URL: url })
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow(hint)
    expect(parse).not.toThrow('hidden')
  })
})
