import { expect, test } from 'vitest'
import { createAlertBook } from './alert-book.ts'
import type { AlertedEntry, DueRow } from './due-store.ts'

const entry: AlertedEntry = {
  seq: 7,
  senderId: 'ada',
  senderName: 'Ada',
  conversationKind: 'group',
  conversationName: 'Team',
  kind: 'message',
  type: 'text',
  content: { text: 'Hi' },
  digest: null,
  mentions: ['bob'],
  sentAt: new Date('2026-01-01T00:00:00Z'),
}
const device = {
  userId: 'eve',
  locale: null,
  preview: null,
  seqs: [7],
  audibleAfter: 6,
  quietFrom: null,
  quietUntil: null,
  timeZone: null,
} as unknown as DueRow

test('an alert is made once for all who are told it in the same words and with the same sound', () => {
  const book = createAlertBook('g-1', [{ ...entry, registered: undefined }])
  const readers = [
    device,
    { ...device, userId: 'dan' },
    { ...device, userId: 'bob' },
    { ...device, locale: 'de' },
    { ...device, preview: 'none' as const },
    { ...device, audibleAfter: 7 },
    { ...device, userId: 'flo' },
  ]
  expect(readers.map((reader) => book.placesFor(reader))).toEqual([[0], [0], [1], [2], [3], [4], [0]])
  expect(book.alerts.map(({ title, body, audible }) => [title, body, audible])).toEqual([
    ['Team', 'Ada: Hi', true],
    ['Team', 'Ada mentioned you: Hi', true],
    ['Team', 'Ada: Hi', true],
    ['', 'New message', true],
    ['Team', 'Ada: Hi', false],
  ])
})
