import { expect, test } from 'vitest'
import { createGovernor } from './governor.ts'

const settled = () => new Promise(setImmediate)

/** Handshakes that end when told, at times of the test's own clock. */
function setUp({ lagMs = 0 }: { lagMs?: number } = {}) {
  let time = 10_000
  const governor = createGovernor({ now: () => time, lagMs: () => lagMs })
  const running: { name: string; end: () => void }[] = []
  const refused: { name: string; code: string; retryAfterMs: number }[] = []
  const ask = (name: string, isExpected = false) => {
    const gate = Promise.withResolvers<void>()
    const asked = governor.run(isExpected, () => {
      running.push({ name, end: gate.resolve })
      return gate.promise
    })
    return asked.catch(({ code, retryAfterMs }) => void refused.push({ name, code, retryAfterMs }))
  }
  /** Ends what runs, after this long, until nothing waits. */
  const endAll = async (tookMs: number) => {
    await settled()
    time += tookMs
    while (running.length > 0) {
      for (const { end } of running.splice(0)) end()
      await settled()
    }
  }
  return { governor, running, refused, ask, endAll, pass: (ms: number) => (time += ms) }
}

test('handshakes that nothing holds up go at once', async () => {
  const { ask, running, governor } = setUp()
  for (let i = 0; i < governor.limit; i++) void ask(`n${i}`)
  await settled()
  expect(running).toHaveLength(governor.limit)
  expect(governor.waiting).toBe(0)
})

test('P11 who comes back with a ticket goes before everybody else who waits', async () => {
  const { ask, running, governor, endAll } = setUp()
  const first = governor.limit
  for (let i = 0; i < first; i++) void ask(`n${i}`)
  void ask('stranger')
  void ask('expected', true)
  await settled()
  const order: string[] = []
  for (const { end } of running.splice(0)) end()
  await settled()
  order.push(...running.map(({ name }) => name))
  expect(order).toEqual(['expected', 'stranger'])
  await endAll(1)
})

test('P10 what may wait is bounded, and who is refused is told when to ask again', async () => {
  const { ask, refused, governor, endAll, pass } = setUp()
  // A hundred a second are all it can do.
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) void ask('slow')
    await endAll(1_000)
  }
  refused.length = 0
  pass(1_000)
  for (let i = 0; i < 1_000; i++) void ask(`n${i}`)
  await settled()
  expect(governor.waiting).toBeLessThanOrEqual(600)
  expect(refused.length).toBeGreaterThan(300)
  for (const { code, retryAfterMs } of refused) {
    expect(code).toBe('overloaded')
    expect(retryAfterMs).toBeGreaterThanOrEqual(500)
    expect(retryAfterMs).toBeLessThanOrEqual(15_000)
  }
  expect(new Set(refused.map(({ retryAfterMs }) => retryAfterMs)).size).toBeGreaterThan(100)
  expect(() => governor.checkRoom()).toThrow('too many connect')
  await endAll(1)
  expect(() => governor.checkRoom()).not.toThrow()
})

test('P11 nobody is refused because a node greets thousands before it lets the first of them in', async () => {
  const { ask, running, refused, pass } = setUp()
  for (let i = 0; i < 2_000; i++) void ask(`n${i}`)
  for (let halfSecond = 0; halfSecond < 4; halfSecond++) {
    pass(500)
    running.shift()?.end()
    await settled()
  }
  for (let i = 0; i < 2_000; i++) void ask(`late${i}`)
  await settled()
  expect(refused).toEqual([])
})

test('P11 5,000 that come at once to a node that was quick so far all wait for their turn', async () => {
  const { ask, refused, governor } = setUp()
  for (let i = 0; i < 5_000; i++) void ask(`n${i}`)
  await settled()
  expect(refused).toEqual([])
  expect(governor.waiting).toBe(5_000 - governor.limit)
})

test('P10 a node behind which everything stands still takes ever fewer to wait', async () => {
  const { ask, refused, governor, pass } = setUp()
  for (let half = 0; half < 20; half++) {
    for (let i = 0; i < 100; i++) void ask('stuck')
    await settled()
    pass(500)
  }
  expect(refused.length).toBeGreaterThan(500)
  expect(() => governor.checkRoom()).toThrow('too many connect')
})

test('fewer go side by side while they are slow, and more again when they are quick', async () => {
  const { ask, endAll, governor, pass } = setUp()
  const before = governor.limit
  for (let round = 0; round < 10; round++) {
    void ask('slow')
    await endAll(2_000)
  }
  const slow = governor.limit
  expect(slow).toBeLessThan(before / 2)
  expect(slow).toBeGreaterThanOrEqual(8)
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < governor.limit; i++) void ask('quick')
    await endAll(5)
    pass(100)
  }
  expect(governor.limit).toBeGreaterThan(before)
  expect(governor.limit).toBeLessThanOrEqual(400)
})

test('a busy event loop is load too', async () => {
  const { ask, endAll, governor } = setUp({ lagMs: 300 })
  const before = governor.limit
  void ask('quick')
  await endAll(1)
  expect(governor.limit).toBeLessThan(before)
})

test('who has waited longer than a client does is refused instead of let in', async () => {
  const { ask, endAll, refused, governor } = setUp()
  for (let i = 0; i < governor.limit; i++) void ask(`n${i}`)
  void ask('late')
  await endAll(9_000)
  expect(refused).toMatchObject([{ name: 'late', code: 'overloaded' }])
})
