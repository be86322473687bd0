import { expect, test } from 'vitest'
import { booleanArray, plainArray, textArray } from './array-literal.ts'

test('texts are quoted, whatever stands in them', () => {
  expect(textArray(['a', null, 'null', '', 'b,{c}', String.raw`"q" \ `])).toBe(
    String.raw`{"a",null,"null","","b,{c}","\"q\" \\ "}`,
  )
})

test('numbers and booleans are not', () => {
  expect(plainArray([1, null, -3])).toBe('{1,null,-3}')
  expect(booleanArray([true, false])).toBe('{t,f}')
  expect(textArray([])).toBe('{}')
})
