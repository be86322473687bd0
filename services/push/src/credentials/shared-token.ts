import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from '@parley/shared/errors'
import type { RedisClient } from '@parley/shared/redis'
import type { Logger } from 'pino'
import { z } from 'zod'

const Token = z.object({
  value: z.string().min(1),
  /** Milliseconds since the epoch; from here on someone should make a new one. */
  refreshAt: z.number(),
  /** Milliseconds since the epoch. */
  expiresAt: z.number(),
})
export type Token = z.output<typeof Token>

interface SharedTokenOptions {
  redis: RedisClient
  log: Logger
  /** Names the credential the token is made from; the same in every worker. */
  name: string
  mint: () => Promise<Token>
  /** A token the provider calls bad is replaced at most once in so long. */
  replaceEveryMs: number
}

export interface SharedToken {
  get(): Promise<string>
  /**
   * A token made after the stale one, or undefined if one was replaced a short time ago: then the cause is
   * elsewhere, a wrong clock or key, and yet another token would not help.
   */
  replace(stale: string): Promise<string | undefined>
}

const lockMs = 10_000
const failureLockMs = 2_000
const pollMs = 50

const unlock = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`

/**
 * One token for all workers, kept in Redis. Providers count how often a token is made, and refuse who makes
 * them too often; so one worker makes it under a lock that ends by itself, and the others take that one. One that
 * is due but cannot be replaced serves until it expires.
 * Throws `unavailable` if there is none and none can be made.
 */
export function createSharedToken({
  redis,
  log,
  name,
  mint,
  replaceEveryMs,
}: SharedTokenOptions): SharedToken {
  // The braces keep the three keys in one slot of a Redis Cluster.
  const key = `parley:push:token:{${name}}`
  let current: Token | undefined
  let loading: Promise<Token> | undefined
  let replacing: Promise<string | undefined> | undefined

  async function get(): Promise<string> {
    if (current && Date.now() < current.refreshAt) return current.value
    loading ??= load().finally(() => {
      loading = undefined
    })
    return (await loading).value
  }

  async function replace(stale: string): Promise<string | undefined> {
    if (current && current.value !== stale) return current.value
    replacing ??= replaceOnce(stale).finally(() => {
      replacing = undefined
    })
    return replacing
  }

  async function replaceOnce(stale: string): Promise<string | undefined> {
    const stored = await read()
    if (stored && stored.value !== stale) return (current = stored).value
    const mark = markOf(stale)
    const first = await redis.set(`${key}:replaced`, mark, 'PX', replaceEveryMs, 'NX')
    // Marked with another token: this one came a short time ago, and is called bad as well.
    if (!first && (await redis.get(`${key}:replaced`)) !== mark) return undefined
    return (await load(stale)).value
  }

  /** Any token but the stale one: from Redis, or made here, whichever comes first. */
  async function load(stale?: string): Promise<Token> {
    const giveUpAt = Date.now() + lockMs
    while (Date.now() < giveUpAt) {
      const stored = await readBut(stale)
      if (stored && Date.now() < stored.refreshAt) return (current = stored)
      const owner = randomUUID()
      if (await redis.set(`${key}:lock`, owner, 'PX', lockMs, 'NX')) return makeUnder(owner, stale)
      // Whoever holds the lock is making the next one; until then this one still serves.
      if (stored && Date.now() < stored.expiresAt) return stored
      await wait(pollMs)
    }
    throw new AppError('unavailable', 'no provider token could be had', { retryAfterMs: failureLockMs })
  }

  async function makeUnder(owner: string, stale: string | undefined): Promise<Token> {
    // A lock kept for a moment after a failure keeps all workers from asking at once again.
    let keepLockMs = failureLockMs
    try {
      // The one before this may have stored it between the look and the lock.
      const stored = await readBut(stale)
      if (stored && Date.now() < stored.refreshAt) {
        keepLockMs = 0
        return (current = stored)
      }
      const token = await mintOr(stored)
      if (token === stored) return token
      await redis.set(key, JSON.stringify(token), 'PXAT', Math.floor(token.expiresAt))
      keepLockMs = 0
      return (current = token)
    } finally {
      await redis.eval(unlock, 1, `${key}:lock`, owner, keepLockMs)
    }
  }

  /** A new one, or the one before while nobody calls it bad. */
  async function mintOr(before: Token | undefined): Promise<Token> {
    try {
      return await mint()
    } catch (err) {
      if (!before || Date.now() >= before.expiresAt) throw err
      if ((await redis.get(`${key}:replaced`)) === markOf(before.value)) throw err
      log.warn({ err }, 'no provider token could be made, the one before goes on')
      return before
    }
  }

  async function readBut(stale: string | undefined): Promise<Token | undefined> {
    const stored = await read()
    return stored?.value === stale ? undefined : stored
  }

  async function read(): Promise<Token | undefined> {
    const text = await redis.get(key)
    return text === null ? undefined : Token.parse(JSON.parse(text))
  }

  return { get, replace }
}

/** Names a token without giving it away. */
function markOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
