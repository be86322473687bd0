import type { SessionId } from '@parley/shared/ids'
import { expect, test } from 'vitest'
import { createReturnTickets } from './return-ticket.ts'

const session = 's1' as SessionId
const secret = 'a secret between services'

test('a ticket of one gateway holds on another, until its time is over', () => {
  let time = 1_000_000
  const ticket = createReturnTickets(secret, () => time).issue(session, 5_000)
  const elsewhere = createReturnTickets(secret, () => time)
  expect(elsewhere.isValid(ticket, session)).toBe(true)
  time += 66_000
  expect(elsewhere.isValid(ticket, session)).toBe(false)
})

test.for([
  ['another session', (ticket: string) => ticket, 's2' as SessionId],
  ['a later end', (ticket: string) => `zzzzzzzz.${ticket.split('.')[1]}`, session],
  ['no signature', (ticket: string) => ticket.split('.')[0] ?? '', session],
  ['nonsense', () => 'nonsense', session],
  ['a flood of bytes', (ticket: string) => ticket + 'x'.repeat(10_000), session],
] as const)('P9 a ticket is not valid with %s', ([, forge, of]) => {
  const tickets = createReturnTickets(secret)
  expect(tickets.isValid(forge(tickets.issue(session, 0)), of)).toBe(false)
})

test('P9 a ticket of another cluster is none', () => {
  const ticket = createReturnTickets('the secret of others').issue(session, 0)
  expect(createReturnTickets(secret).isValid(ticket, session)).toBe(false)
})
