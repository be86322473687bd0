import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bounds, checkBounds } from './bounds.ts'
import { AppError } from './errors.ts'

const codeOf = (value: unknown) => {
  try {
    checkBounds(value)
    return 'ok'
  } catch (cause) {
    return AppError.from(cause).code
  }
}
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])

test('nesting is accepted up to the limit and no deeper', () => {
  expect(codeOf(nested(bounds.depth))).toBe('ok')
  expect(codeOf(nested(bounds.depth + 1))).toBe('payload_too_deep')
})

test('breadth is limited in lists and objects', () => {
  expect(codeOf(Array.from({ length: bounds.items + 1 }))).toBe('too_large')
  expect(codeOf(Object.fromEntries(Array.from({ length: bounds.keys + 1 }, (_, i) => [`k${i}`, i])))).toBe(
    'too_large',
  )
})

test('A6.5 P10 binary, NUL and half surrogates are refused, in keys too', () => {
  expect([Buffer.from('x'), 'a\0', { 'a\0': 1 }, '\ud800', [{ '\udfff': 1 }]].map(codeOf)).toEqual(
    Array(5).fill('invalid_request'),
  )
})

test('whatever JSON there is, it is accepted or refused with a code, and what is accepted can be stored', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const code = codeOf(value)
      expect(['ok', 'payload_too_deep', 'too_large', 'invalid_request']).toContain(code)
      expect(code === 'ok' && /\\u0000|\\ud[89a-f]/.test(JSON.stringify(value))).toBe(false)
    }),
  )
})
