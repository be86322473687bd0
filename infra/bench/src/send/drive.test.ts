import { expect, test } from 'vitest'
import { keepUnanswered } from './drive.ts'
import type { SeatedClient } from './seated-client.ts'

function createClients(count: number): { clients: SeatedClient[]; sent: number[] } {
  const sent = Array.from({ length: count }, () => 0)
  const clients = sent.map(
    (_, place) =>
      ({ place, send: () => void (sent[place] = (sent[place] ?? 0) + 1) }) as unknown as SeatedClient,
  )
  return { clients, sent }
}

test('whoever has an answer sends again, until it is stopped', async () => {
  const { clients, sent } = createClients(3)
  const { onAnswer, stop } = keepUnanswered(clients, 2)
  expect(sent).toEqual([2, 2, 2])
  onAnswer(clients[1] as SeatedClient)
  expect(sent).toEqual([2, 3, 2])
  await stop()
  onAnswer(clients[1] as SeatedClient)
  expect(sent).toEqual([2, 3, 2])
})

test('where only some have a message under way, everybody has one in turn', () => {
  const { clients, sent } = createClients(10)
  const { onAnswer } = keepUnanswered(clients, 0.2)
  expect(sent.reduce((sum, n) => sum + n)).toBe(2)
  for (let i = 0; i < 8; i++) onAnswer(clients[0] as SeatedClient)
  expect(sent).toEqual(Array.from({ length: 10 }, () => 1))
})
