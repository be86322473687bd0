import { expect, test } from 'vitest'
import { dueMark } from './due-mark.ts'
import type { SeatedClient } from './seated-client.ts'
import { createTally } from './tally.ts'

const clientIn = (group: number, place: number) => ({ group, place, heard: 0 }) as SeatedClient

function hear(tally: ReturnType<typeof createTally>, client: SeatedClient, dueAt: number): void {
  client.heard++
  tally.hears(client, `42["entry:new",{"entry":{"clientMessageId":"a-${dueMark(client.heard, dueAt)}"}}]`)
}

test('a message that one member of its group has not heard is missed, whatever others heard twice', () => {
  const tally = createTally({ groups: 2, size: 2 })
  const clients = [clientIn(0, 0), clientIn(0, 1), clientIn(1, 2), clientIn(1, 3)]
  const [ann, ben] = clients as [SeatedClient, SeatedClient]
  tally.answered(ann, 0, true)
  expect(tally.unheard(clients)).toBe(2)
  hear(tally, ann, 0)
  hear(tally, ann, 0)
  expect(tally.unheard(clients)).toBe(1)
  hear(tally, ben, 0)
  expect(tally.unheard(clients)).toBe(0)
})

test('a refused message is nobody’s to hear', () => {
  const tally = createTally({ groups: 1, size: 2 })
  const ann = clientIn(0, 0)
  tally.answered(ann, 0, false)
  expect(tally).toMatchObject({ acked: 0, refused: 1 })
  expect(tally.unheard([ann])).toBe(0)
})

test('times count of what was due while it was measured, from when it was due and however late it came', () => {
  const tally = createTally({ groups: 1, size: 2 })
  const now = performance.now()
  tally.window = { from: now - 50, to: now - 20 }
  const ann = clientIn(0, 0)
  for (const dueAt of [now - 100, now - 40, now - 10]) hear(tally, ann, dueAt)
  expect(tally.receive.quantiles().p50).toBeGreaterThanOrEqual(39)
  expect(tally.receive.quantiles().p50).toBe(tally.receive.quantiles().p99)
  expect(tally.ack.quantiles().p50).toBeNaN()
})
