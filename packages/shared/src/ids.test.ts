import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  directConversationId,
  messageIdOf,
  newGroupId,
  seqOfMessage,
  type UserId,
  UserId as UserIdSchema,
  uuidFrom,
} from './ids.ts'
import { laneOf, rankInstances } from './instances.ts'
import { conversationRoom } from './realtime.ts'

const userId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/) as fc.Arbitrary<UserId>

test('two people have one direct conversation, whoever asks, and no other pair has it', () => {
  fc.assert(
    fc.property(userId, userId, userId, (a, b, c) => {
      expect(directConversationId(a, b)).toBe(directConversationId(b, a))
      fc.pre(c !== b)
      expect(directConversationId(a, c)).not.toBe(directConversationId(a, b))
    }),
  )
})

test('no room of a conversation of ours has the twenty characters that look like a socket id', () => {
  expect(conversationRoom(directConversationId('a' as UserId, 'b' as UserId))).not.toHaveLength(20)
  expect(conversationRoom(newGroupId())).not.toHaveLength(20)
})

test.for(['', ' a', 'a b', 'ü', 'a\n', '../a', 'a'.repeat(65), 'a:b'])('%j is no user id', (text) => {
  expect(UserIdSchema.safeParse(text).success).toBe(false)
})

test('a message is its place in its log', () => {
  expect(messageIdOf('g-1', 7)).toBe('g-1.7')
  expect(seqOfMessage('g-1.7')).toBe(7)
})

test.for([
  '',
  'g-1',
  '.7',
  'g-1.',
  'g-1.0',
  'g-1.07',
  'g-1. 7',
  'g-1.7 ',
  'g-1.+7',
  'g-1.1e1',
  'g-1.0x7',
  'g-1.7.7',
  'g 1.7',
  'g-1.9007199254740992',
])('%j is no message id', (text) => {
  expect(seqOfMessage(text)).toBeUndefined()
})

test('the same names give the same UUID, and it is one', () => {
  expect(uuidFrom('a', 'b')).toBe(uuidFrom('a', 'b'))
  expect(uuidFrom('a', 'b')).not.toBe(uuidFrom('ab'))
  fc.assert(
    fc.property(fc.string(), (name) => {
      expect(uuidFrom(name)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }),
  )
})

test('when an instance goes, only its own keys move', () => {
  const all = ['a', 'b', 'c'].map((name) => ({ name }))
  const keys = Array.from({ length: 500 }, (_, i) => `conversation-${i}`)
  const moved = keys.filter(
    (key) => rankInstances(all, key)[0]?.name !== rankInstances(all.slice(0, 2), key)[0]?.name,
  )
  expect(moved.every((key) => rankInstances(all, key)[0]?.name === 'c')).toBe(true)
  expect(moved.length).toBeGreaterThan(100)
})

test('keys spread over lanes', () => {
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 4_000; i++) counts[laneOf(`g-${i}`, 4)] = (counts[laneOf(`g-${i}`, 4)] ?? 0) + 1
  expect(Math.min(...counts)).toBeGreaterThan(800)
})
