import { randomUUID } from 'node:crypto'
import { connectSoon, openRedis } from '@parley/shared/redis'
import { test as base, describe, expect, inject } from 'vitest'
import { createSharedToken, type Token } from '../src/credentials/shared-token.ts'
import { log } from './fixture.ts'

const test = base
  .extend('redis', async ({}, { onCleanup }) => {
    const redis = openRedis({ url: inject('redisUrl') }, log)
    await connectSoon(redis)
    onCleanup(() => redis.disconnect())
    return redis
  })
  .extend('workers', async ({ redis }) => {
    const name = randomUUID()
    const minted: string[] = []
    let mint = async (): Promise<Token> => token()
    const worker = () =>
      createSharedToken({
        redis,
        log,
        name,
        replaceEveryMs: 60_000,
        async mint() {
          const made = await mint()
          minted.push(made.value)
          return made
        },
      })
    return {
      minted,
      list: Array.from({ length: 5 }, worker),
      mintBy(next: typeof mint) {
        mint = next
      },
      key: `parley:push:token:{${name}}`,
    }
  })

function token(refreshInMs = 60_000): Token {
  const refreshAt = Date.now() + refreshInMs
  return { value: randomUUID(), refreshAt, expiresAt: refreshAt + 60_000 }
}

const getAll = (workers: { get(): Promise<string> }[]) =>
  Promise.all([...workers, ...workers].map((worker) => worker.get()))

describe('a provider token', () => {
  test('is made once for all workers, however many ask at once', async ({ workers }) => {
    const values = await getAll(workers.list)
    expect(workers.minted).toHaveLength(1)
    expect(new Set(values)).toEqual(new Set(workers.minted))
  })

  test('that is due for a new one serves until that is made', async ({ workers }) => {
    workers.mintBy(async () => token(-1))
    const [first, second] = workers.list
    const old = await first?.get()
    const slow = Promise.withResolvers<Token>()
    const asked = Promise.withResolvers<void>()
    workers.mintBy(() => {
      asked.resolve()
      return slow.promise
    })
    const refreshed = first?.get()
    await asked.promise
    expect(await second?.get()).toBe(old)
    const next = token()
    slow.resolve(next)
    expect(await refreshed).toBe(next.value)
    expect(workers.minted).toHaveLength(2)
  })

  test('that is due and cannot be replaced serves until it expires', async ({ workers }) => {
    workers.mintBy(async () => ({ ...token(-1), expiresAt: Date.now() + 2_000 }))
    const [first, second] = workers.list
    const old = await first?.get()
    workers.mintBy(() => Promise.reject(new Error('no')))
    expect(await first?.get()).toBe(old)
    expect(await second?.get()).toBe(old)
    await expect.poll(() => first?.get().catch(({ message }: Error) => message)).toBe('no')
  })

  test('called bad does not serve on when it cannot be replaced', async ({ workers }) => {
    workers.mintBy(async () => token(-1))
    const [worker] = workers.list
    const stale = (await worker?.get()) ?? ''
    workers.mintBy(() => Promise.reject(new Error('no')))
    await expect(worker?.replace(stale)).rejects.toThrow('no')
    await expect.poll(() => worker?.get().catch(({ message }: Error) => message)).toBe('no')
  })

  test('called bad is replaced once, whoever notices', async ({ workers }) => {
    const [stale = ''] = await getAll(workers.list)
    const replaced = await Promise.all(workers.list.map((worker) => worker.replace(stale)))
    expect(workers.minted).toHaveLength(2)
    const answers = new Set(replaced.filter((value) => value !== undefined))
    expect(answers).toEqual(new Set([workers.minted[1]]))
    expect(new Set(await getAll(workers.list))).toEqual(new Set([workers.minted[1]]))
  })

  test('called bad again at once is not replaced a second time', async ({ workers }) => {
    const [worker] = workers.list
    const first = (await worker?.get()) ?? ''
    const second = (await worker?.replace(first)) ?? ''
    expect(second).not.toBe(first)
    expect(await worker?.replace(second)).toBeUndefined()
    expect(workers.minted).toHaveLength(2)
  })

  test('that cannot be made is reported, and made when it can be', async ({ workers }) => {
    const [worker] = workers.list
    workers.mintBy(() => Promise.reject(new Error('no')))
    await expect(worker?.get()).rejects.toThrow('no')
    workers.mintBy(async () => token())
    expect(await worker?.get()).toBe(workers.minted[0])
  })

  test('does not outlive its expiry in Redis', async ({ workers, redis }) => {
    await workers.list[0]?.get()
    const ttlMs = await redis.pttl(workers.key)
    expect(ttlMs).toBeGreaterThan(100_000)
    expect(ttlMs).toBeLessThanOrEqual(120_000)
  })
})
