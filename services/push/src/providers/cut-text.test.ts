import { expect, test } from 'vitest'
import { cutText } from './cut-text.ts'

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2

test('leaves alone what fits', () => {
  expect(cutText('hello', 5)).toBe('hello')
})

test.for([
  ['letters', 'abcdefgh', 7, 'abcd…'],
  ['letters of two bytes', 'äöüäöü', 8, 'äö…'],
  ['a family of seven code points', 'ab👨‍👩‍👧‍👦cdef', 10, 'ab…'],
  ['a flag of two', 'ab🇩🇪cdef', 12, 'ab…'],
  ['a flag that fits', 'ab🇩🇪cdef', 13, 'ab🇩🇪…'],
  ['a letter with accents of its own', 'ae\u0301\u0302bcdefg', 6, 'a…'],
  ['a quote, two bytes in JSON', '""""""', 8, '""…'],
  ['a control character, six bytes in JSON', 'a\u0001bcdefgh', 9, 'a…'],
] as const)('cuts between characters: %s', ([, text, bytes, expected]) => {
  expect(cutText(text, bytes)).toBe(expected)
})

test('is empty where not even an ellipsis fits', () => {
  expect(cutText('abcdef', 2)).toBe('')
})

test.for([10, 50, 333, 1_000])('never takes more than %i bytes, and stays well-formed', (bytes) => {
  for (const piece of ['a', 'ä', '漢', '👩🏽‍🚀', '"\\\n', '\u0000', 'e\u0301']) {
    const cut = cutText(piece.repeat(2_000), bytes)
    expect(jsonBytes(cut)).toBeLessThanOrEqual(bytes)
    expect(cut.isWellFormed()).toBe(true)
    expect(cut.endsWith('…')).toBe(true)
  }
})
