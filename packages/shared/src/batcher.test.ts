import { expect, test, vi } from 'vitest'
import { createBatcher } from './batcher.ts'
import { AppError } from './errors.ts'

/** A batcher whose batches end when told to. */
function controlled(options: {
  maxBatch: number
  maxQueued: number
  everyMs?: number
  settleMs?: number
  enough?: number
  beside?: number
}) {
  const batches: {
    items: number[]
    end: (results?: (number | AppError)[]) => void
    fail: (cause: Error) => void
  }[] = []
  const batcher = createBatcher<number, number>({
    ...options,
    run: (items) =>
      new Promise((resolve, reject) =>
        batches.push({ items, end: (results = items) => resolve(results), fail: reject }),
      ),
  })
  return { batcher, batches }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('alone, an item goes at once; while a batch is away, items gather into the next', async () => {
  const { batcher, batches } = controlled({ maxBatch: 10, maxQueued: 100 })
  const first = batcher.add(1)
  await turn()
  const rest = [2, 3, 4].map((n) => batcher.add(n))
  expect(batches.map(({ items }) => items)).toEqual([[1]])
  batches[0]?.end()
  expect(await first).toBe(1)
  await turn()
  expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]])
  batches[1]?.end()
  expect(await Promise.all(rest)).toEqual([2, 3, 4])
})

test('a batch holds no more than its limit, and order stays', async () => {
  const { batcher, batches } = controlled({ maxBatch: 2, maxQueued: 100 })
  const all = [1, 2, 3, 4, 5].map((n) => batcher.add(n))
  for (let i = 0; i < 3; i++) {
    await turn()
    batches[i]?.end()
  }
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5])
  expect(batches.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]])
})

test('beyond its queue it refuses at once with something to retry', async () => {
  const { batcher, batches } = controlled({ maxBatch: 2, maxQueued: 2 })
  const kept = [batcher.add(1), batcher.add(2)]
  await expect(batcher.add(3)).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: expect.any(Number) })
  await turn()
  batches[0]?.end()
  expect(await Promise.all(kept)).toEqual([1, 2])
})

test("one item's failure is its own; a batch's failure is everybody's, and the next batch goes on", async () => {
  const { batcher, batches } = controlled({ maxBatch: 2, maxQueued: 10 })
  const [good, bad] = [batcher.add(1), batcher.add(2)]
  const outcomes = Promise.allSettled([good, bad])
  await turn()
  batches[0]?.end([1, new AppError('forbidden', 'no')])
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  const failing = Promise.allSettled([batcher.add(3), batcher.add(4)])
  await turn()
  batches[1]?.fail(new Error('gone'))
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const last = batcher.add(5)
  await turn()
  batches[2]?.end()
  expect(await last).toBe(5)
})

test('enough items begin a batch beside the one under way, in order, up to so many batches', async () => {
  const { batcher, batches } = controlled({ maxBatch: 4, maxQueued: 100, enough: 3, beside: 2 })
  const began = () => batches.map(({ items }) => items)
  const all: Promise<number>[] = []
  const add = async (...items: number[]) => {
    for (const item of items) all.push(batcher.add(item))
    await turn()
  }
  await add(1)
  await add(2, 3)
  expect(began()).toEqual([[1]])
  await add(4)
  expect(began()).toEqual([[1], [2, 3, 4]])
  await add(5, 6, 7)
  expect(began()).toHaveLength(2)
  batches[1]?.end()
  await turn()
  expect(began()).toEqual([[1], [2, 3, 4], [5, 6, 7]])
  // What is not enough waits for the last that is under way.
  await add(8)
  batches[0]?.end()
  await turn()
  expect(began()).toHaveLength(3)
  batches[2]?.end()
  await turn()
  expect(began().at(-1)).toEqual([8])
  batches[3]?.end()
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  await add(9)
  expect(began().at(-1)).toEqual([9])
})

test('with a pace a trickle gathers into batches, and after a rest an item goes at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  const { batcher, batches } = controlled({ maxBatch: 3, maxQueued: 100, everyMs: 8 })
  const sizes = () => batches.map(({ items }) => items.length)
  const add = async (...items: number[]) => {
    for (const item of items) void batcher.add(item)
    await turn()
  }
  await add(1)
  batches[0]?.end()
  await turn()
  await add(2)
  await vi.advanceTimersByTimeAsync(7)
  await add(3)
  expect(sizes()).toEqual([1])
  await vi.advanceTimersByTimeAsync(1)
  expect(sizes()).toEqual([1, 2])
  batches[1]?.end()
  await vi.advanceTimersByTimeAsync(8)
  await add(4)
  expect(sizes()).toEqual([1, 2, 1])
  await add(5, 6, 7)
  batches[2]?.end()
  await turn()
  // A batch that is full has nothing to wait for.
  expect(sizes()).toEqual([1, 2, 1, 3])
  vi.useRealTimers()
})

test('with a pace, enough items begin a batch before it is time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const { batcher, batches } = controlled({ maxBatch: 10, maxQueued: 100, everyMs: 8, enough: 3 })
  const sizes = () => batches.map(({ items }) => items.length)
  void batcher.add(1)
  await turn()
  batches[0]?.end()
  await turn()
  void batcher.add(2)
  await turn()
  void batcher.add(3)
  await turn()
  expect(sizes()).toEqual([1])
  void batcher.add(4)
  await turn()
  expect(sizes()).toEqual([1, 3])
  for (const item of [5, 6, 7]) void batcher.add(item)
  batches[1]?.end()
  await turn()
  expect(sizes()).toEqual([1, 3, 3])
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

test('what flows settles before each batch, so that what comes together goes together', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const { batcher, batches } = controlled({
    maxBatch: 10,
    maxQueued: 100,
    everyMs: 8,
    settleMs: 2,
    enough: 3,
  })
  const sizes = () => batches.map(({ items }) => items.length)
  const add = async (item: number) => {
    void batcher.add(item)
    await turn()
  }
  await add(1)
  expect(sizes()).toEqual([1])
  batches[0]?.end()
  await vi.advanceTimersByTimeAsync(20)
  await add(2)
  await vi.advanceTimersByTimeAsync(1)
  await add(3)
  expect(sizes()).toEqual([1])
  await vi.advanceTimersByTimeAsync(1)
  expect(sizes()).toEqual([1, 2])
  batches[1]?.end()
  await vi.advanceTimersByTimeAsync(20)
  await add(4)
  await add(5)
  await add(6)
  expect(sizes()).toEqual([1, 2, 3])
  batches[2]?.end()
  // After a rest nothing flows.
  await vi.advanceTimersByTimeAsync(100)
  await add(7)
  expect(sizes()).toEqual([1, 2, 3, 1])
  vi.useRealTimers()
})
