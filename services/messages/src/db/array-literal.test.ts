import { expect, test } from 'vitest'
import { booleanArray, jsonArray, plainArray, textArray } from './array-literal.ts'

test('texts are quoted, whatever stands in them', () => {
  expect(textArray(['a', null, 'null', '', 'b,{c}', String.raw`"q" \ `])).toBe(
    String.raw`{"a",null,"null","","b,{c}","\"q\" \\ "}`,
  )
})

test('JSON is quoted as any text', () => {
  const values = [{}, { text: 'a "b" \\ \n\u0001\u2028 {c},' }, { list: [1, null, '\ud83d\ude00', '\ud83d'] }]
  expect(jsonArray(values)).toBe(textArray(values.map((value) => JSON.stringify(value))))
})

test('numbers and booleans are not', () => {
  expect(plainArray([1, null, -3])).toBe('{1,null,-3}')
  expect(booleanArray([true, false])).toBe('{t,f}')
  expect(textArray([])).toBe('{}')
})
