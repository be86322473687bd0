import { expect, test } from 'vitest'
import { alertText } from './alert.ts'

const entry = {
  senderId: 'u1',
  senderName: 'Ada',
  conversationKind: 'direct',
  conversationName: null,
  kind: 'message',
  type: 'text',
  content: { text: 'Hi' },
}
const reader = { locale: null, preview: null, isMentioned: false }
const group = { ...entry, conversationKind: 'group', conversationName: 'Team' }

test.for([
  ['a text in a direct conversation', entry, {}, { title: 'Ada', body: 'Hi' }],
  ['a sender without a name', { ...entry, senderName: null }, {}, { title: 'u1', body: 'Hi' }],
  ['a text in a group', group, {}, { title: 'Team', body: 'Ada: Hi' }],
  [
    'a text that looks like a template',
    { ...group, content: { text: '{name} $&' } },
    {},
    { title: 'Team', body: 'Ada: {name} $&' },
  ],
  ['a mention', group, { isMentioned: true }, { title: 'Team', body: 'Ada mentioned you: Hi' }],
  [
    'a mention, in German',
    group,
    { locale: 'de-AT', isMentioned: true },
    { title: 'Team', body: 'Ada hat dich erwähnt: Hi' },
  ],
  [
    'the system, to one person',
    { ...entry, senderId: '@system', senderName: null, conversationKind: 'self' },
    {},
    { title: '', body: 'Hi' },
  ],
  [
    'the system, to a group',
    { ...group, senderId: '@system', senderName: null },
    {},
    { title: 'Team', body: 'Hi' },
  ],
  [
    'a digest of the sender',
    { ...entry, type: 'gift.sent', digest: 'sent a rose' },
    {},
    { title: 'Ada', body: 'sent a rose' },
  ],
  [
    'A5.16 an encrypted message',
    { ...entry, type: 'encrypted', content: { scheme: 'mls-1', ciphertext: 'c2VjcmV0' } },
    { locale: 'de' },
    { title: 'Ada', body: 'Neue Nachricht' },
  ],
  ['a photo', { ...entry, type: 'image', content: {} }, {}, { title: 'Ada', body: 'Photo' }],
  [
    'a photo, in Chinese',
    { ...entry, type: 'image', content: {} },
    { locale: 'zh-Hans-CN' },
    { title: 'Ada', body: '[图片]' },
  ],
  [
    'a photo, in a language we do not have',
    { ...entry, type: 'image', content: {} },
    { locale: 'tlh' },
    { title: 'Ada', body: 'Photo' },
  ],
  [
    'a photo with words',
    { ...entry, type: 'image', content: { caption: 'sea' } },
    {},
    { title: 'Ada', body: 'sea' },
  ],
  [
    'a type of the app',
    { ...entry, type: 'com.example.poll', content: {} },
    {},
    { title: 'Ada', body: 'New message' },
  ],
  ['a missed call', { ...entry, kind: 'call', type: 'call' }, {}, { title: 'Ada', body: 'Missed call' }],
  [
    'a contact request',
    { ...entry, kind: 'contact', type: 'contact.requested' },
    {},
    { title: 'Ada', body: 'wants to add you as a contact' },
  ],
  ['with only the sender shown', group, { preview: 'sender' }, { title: 'Team', body: 'Ada: New message' }],
  [
    'with everything hidden',
    group,
    { preview: 'none', locale: 'fr' },
    { title: '', body: 'Nouveau message' },
  ],
  [
    'a text that would be cut inside an emoji of several code points',
    { ...entry, content: { text: `${'x'.repeat(998)}👩‍👩‍👧` } },
    {},
    { title: 'Ada', body: `${'x'.repeat(998)}…` },
  ],
] as const)('%s', ([, given, by, expected]) => {
  expect(alertText(given, { ...reader, ...by })).toEqual(expected)
})
