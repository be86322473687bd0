import { expect, test } from 'vitest'
import { createLanes } from './lanes.ts'

interface Item {
  key: string
  n: number
}

/** Two lanes whose batches end when told to. */
function controlled({ enough = 2, maxQueued = 100 } = {}) {
  const clock = { ms: 0 }
  const batches: { items: number[]; end: () => void }[] = []
  const lanes = createLanes<Item, number>({
    lanes: 2,
    maxBatch: 10,
    maxQueued,
    enough,
    keyOf: ({ key }) => key,
    now: () => clock.ms,
    run: (items) =>
      new Promise((resolve) => {
        const numbers = items.map(({ n }) => n)
        batches.push({ items: numbers, end: () => resolve(numbers) })
      }),
  })
  const add = (key: string, n: number) => lanes.add({ key, n })
  return { clock, batches, add, fullMs: lanes.fullMs, begun: () => batches.map(({ items }) => items) }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('while few wait all go through one lane, whatever their keys', async () => {
  const { batches, add, begun } = controlled()
  const first = add('a', 1)
  await turn()
  const others = [add('b', 2), add('c', 3)]
  await turn()
  expect(begun()).toEqual([[1]])
  batches[0]?.end()
  expect(await first).toBe(1)
  await turn()
  expect(begun()).toEqual([[1], [2, 3]])
  batches[1]?.end()
  expect(await Promise.all(others)).toEqual([2, 3])
})

test('the time of batches that held enough is counted, of each lane', async () => {
  const { clock, batches, add, fullMs } = controlled()
  const few = add('a', 1)
  await turn()
  clock.ms += 5
  const enough = [add('b', 2), add('c', 3)]
  batches[0]?.end()
  await few
  await turn()
  expect(fullMs()).toEqual([0, 0])
  clock.ms += 7
  batches[1]?.end()
  await Promise.all(enough)
  expect(fullMs()).toEqual([7, 0])
})

test('what finds a lane full goes to the next, but for keys of which one is under way, which keep their order', async () => {
  const { batches, add, begun } = controlled()
  void add('a', 1)
  await turn()
  for (const [key, n] of [
    ['b', 2],
    ['c', 3],
    ['d', 4],
    ['a', 5],
    ['d', 6],
  ] as const)
    void add(key, n)
  await turn()
  expect(begun()).toEqual([[1], [4, 6]])
  batches[0]?.end()
  await turn()
  expect(begun()).toEqual([[1], [4, 6], [2, 3, 5]])
})

test('a key that is no more under way is free to go elsewhere', async () => {
  const { batches, add, begun } = controlled()
  const done = add('d', 1)
  await turn()
  batches[0]?.end()
  await done
  for (const [key, n] of [
    ['a', 2],
    ['b', 3],
    ['d', 4],
  ] as const)
    void add(key, n)
  await turn()
  expect(begun()).toEqual([[1], [2, 3], [4]])
})

test('a lane whose batch waits for something is gone around', async () => {
  const { clock, add, begun } = controlled({ enough: 10 })
  void add('a', 1)
  await turn()
  clock.ms = 60
  void add('b', 2)
  void add('a', 3)
  await turn()
  expect(begun()).toEqual([[1], [2]])
})

test('what is refused is not under way', async () => {
  const { batches, add, begun } = controlled({ enough: 1, maxQueued: 1 })
  const kept = [add('a', 1)]
  await turn()
  kept.push(add('b', 2), add('c', 3))
  await turn()
  kept.push(add('d', 4))
  await expect(add('e', 5)).rejects.toMatchObject({ code: 'overloaded' })
  for (let i = 0; i < 4; i++) {
    batches[i]?.end()
    await turn()
  }
  expect(await Promise.all(kept)).toEqual([1, 2, 3, 4])
  // It would go to the first lane, were it there still.
  void add('a', 6)
  await turn()
  void add('b', 7)
  void add('e', 8)
  await turn()
  expect(begun().slice(4)).toEqual([[6], [8]])
})
