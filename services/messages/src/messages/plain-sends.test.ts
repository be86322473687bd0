import { expect, test } from 'vitest'
import { createPlainSends } from './plain-sends.ts'
import type { PreparedSend } from './prepared-send.ts'

const send = (conversationId: string, others: Partial<PreparedSend> = {}) =>
  ({ conversationId, stored: true, bySystem: false, ...others }) as PreparedSend

test('what is not kept and what the system says is never plain', () => {
  const plain = createPlainSends()
  expect(plain.includes(send('a'))).toBe(true)
  expect(plain.includes(send('a', { stored: false }))).toBe(false)
  expect(plain.includes(send('a', { bySystem: true }))).toBe(false)
})

test('a conversation that had to be asked about rests for ten seconds, all of them for one', () => {
  let at = 0
  const plain = createPlainSends(() => at)
  plain.leaveOut('a')
  plain.leaveOutAll()
  expect([plain.includes(send('a')), plain.includes(send('b'))]).toEqual([false, false])
  at = 1_000
  expect([plain.includes(send('a')), plain.includes(send('b'))]).toEqual([false, true])
  at = 10_000
  expect(plain.includes(send('a'))).toBe(true)
})

test('no more than ten thousand conversations are remembered, the newest', () => {
  const plain = createPlainSends(() => 0)
  for (let i = 0; i <= 10_000; i++) plain.leaveOut(`c${i}`)
  expect([plain.includes(send('c0')), plain.includes(send('c1'))]).toEqual([true, false])
})
