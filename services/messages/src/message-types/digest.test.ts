import { expect, test } from 'vitest'
import { digestFor, digestOf } from './digest.ts'

const type = { digest: 'sent {title}', digests: { de: 'hat {title} geschickt' } }
const content = { title: 'a rose', count: 3, nested: { title: 'no' } }

test('a digest shows texts and numbers of the content and nothing else', () => {
  const digest = '{count} × {title}{nested}{toString}{missing}'
  expect(digestOf({ digest }, content)).toBe('3 × a rose')
  expect(digestOf({ digest: null }, content)).toBeNull()
  expect(digestOf({ digest: '{title}{title}{title}' }, { title: '🌹'.repeat(500) })).toBe('🌹'.repeat(128))
})

test('an alert says the digest of the type in the language of the device', () => {
  expect(digestFor(type, { digest: 'sent a rose', content }, 'de-AT')).toBe('hat a rose geschickt')
  expect(digestFor(type, { digest: 'sent a rose', content }, 'fr')).toBe('sent a rose')
  expect(digestFor(type, { digest: 'sent a rose', content }, null)).toBe('sent a rose')
})

test('what the sender said of a message is shown as it was said', () => {
  expect(digestFor(type, { digest: 'for you', content }, 'de')).toBe('for you')
  expect(digestFor(undefined, { digest: 'for you', content }, 'de')).toBe('for you')
})
