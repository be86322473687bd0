import { expect, test } from 'vitest'
import { alertText } from './alert.ts'

const row = {
  senderId: 'u1',
  senderName: 'Ada',
  conversationKind: 'direct',
  conversationName: null,
  type: 'text',
  content: { text: 'Hi' },
}

test.for([
  ['a text in a direct conversation', row, { title: 'Ada', body: 'Hi' }],
  ['a sender without a name', { ...row, senderName: null }, { title: 'u1', body: 'Hi' }],
  [
    'a text in a group',
    { ...row, conversationKind: 'group', conversationName: 'Team' },
    { title: 'Team', body: 'Ada: Hi' },
  ],
  ['a photo', { ...row, type: 'image', content: {} }, { title: 'Ada', body: 'Photo' }],
  [
    'a photo with words',
    { ...row, type: 'image', content: { caption: 'sea' } },
    { title: 'Ada', body: 'sea' },
  ],
  [
    'a type of the app',
    { ...row, type: 'com.example.poll', content: {} },
    { title: 'Ada', body: 'New message' },
  ],
  [
    'a text that is cut inside an emoji',
    { ...row, content: { text: `${'x'.repeat(999)}😀` } },
    { title: 'Ada', body: `${'x'.repeat(999)}\ufffd` },
  ],
] as const)('%s', ([, given, expected]) => {
  expect(alertText(given)).toEqual(expected)
})
