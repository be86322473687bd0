import { expect, test } from 'vitest'
import { createKeyCheck, loadApiKeys, makeApiKey } from './api-keys.ts'

test('P9 a key opens with its scopes, and nothing that only looks like it does', () => {
  const { key, entry } = makeApiKey('back-end', ['users:write'])
  const check = createKeyCheck(loadApiKeys(JSON.stringify([entry])))
  expect(check(key)).toEqual({ id: 'back-end', scopes: new Set(['users:write']) })
  const other = makeApiKey('back-end', ['users:write']).key
  const wrong = [other, key.slice(0, -1), `${key}A`, key.replace('back-end', 'front-end'), '', entry.sha256]
  for (const shown of wrong) expect(() => check(shown)).toThrow('API key')
})

test('two keys hold side by side while one takes the place of the other, until it expires', () => {
  const [before, after] = [makeApiKey('a-1', ['users:read']), makeApiKey('a-2', ['users:read'])]
  const expired = { ...before.entry, expiresAt: '2020-01-01T00:00:00Z' }
  expect(createKeyCheck([before.entry, after.entry])(before.key).id).toBe('a-1')
  const check = createKeyCheck([expired, after.entry])
  expect(() => check(before.key)).toThrow('API key')
  expect(check(after.key).id).toBe('a-2')
})

test('a wrong configuration is refused at start and its values are not told', () => {
  const { entry } = makeApiKey('a', ['users:read'])
  const told = (value: unknown) => {
    try {
      loadApiKeys(typeof value === 'string' ? value : JSON.stringify(value))
      return ''
    } catch (err) {
      return String(err)
    }
  }
  expect(told([{ ...entry, sha256: 'my secret key' }])).toContain('SERVER_API_KEYS')
  expect(told([{ ...entry, sha256: 'my secret key' }])).not.toContain('secret')
  expect(told([entry, entry])).toContain('same id')
  expect(told([{ ...entry, scopes: ['everything'] }])).toContain('scopes')
  expect(told('{')).toContain('SERVER_API_KEYS')
})
