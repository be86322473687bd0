import { expect, test } from 'vitest'
import { findMatches, toSnippet } from './find-matches.ts'
import { runsOf, termsOf } from './terms.ts'

const marked = (text: string, words: string) =>
  findMatches(text, runsOf(words))?.map(({ start, length }) => text.slice(start, start + length))

test('words are told apart from scripts without spaces, and folded', () => {
  expect(termsOf('Héllo, WORLD 你好吗 ＡＢＣ 12')).toEqual([
    'hello',
    'world',
    '你好',
    '好吗',
    '吗',
    'abc',
    '12',
  ])
  expect(termsOf('iPhone手机')).toEqual(['iphone', '手机', '机'])
  expect(termsOf('… — !?')).toEqual([])
})

test('a word is found by its beginning, in any case, width and accent, and nowhere else', () => {
  expect(marked('Café au lait', 'cafe')).toEqual(['Café'])
  expect(marked('Übermut tut gut', 'uber')).toEqual(['Über'])
  expect(marked('ＨＥＬＬＯ there', 'hell')).toEqual(['ＨＥＬＬ'])
  expect(marked('understand', 'stand')).toBeUndefined()
})

test('what is written without spaces is found anywhere in it, as it is written', () => {
  expect(marked('我们明天去东京都看看', '东京都')).toEqual(['东京都'])
  expect(marked('东京 京都', '东京都')).toBeUndefined()
  expect(marked('ｶﾞﾗｽ', 'ガラス')).toEqual(['ｶﾞﾗｽ'])
  expect(marked('학교에서 만나', '교에')).toEqual(['교에'])
  expect(marked('お祝い🎉🎉', '🎉')).toEqual(['🎉', '🎉'])
})

test('all of the words are needed, and each hit is told', () => {
  expect(marked('one two one', 'one two')).toEqual(['one', 'two', 'one'])
  expect(marked('one two', 'one three')).toBeUndefined()
})

test('a snippet is a bounded piece around the first hit, with positions in it, and never half a character', () => {
  const text = `${'🎈'.repeat(100)} needle ${'🎈'.repeat(400)}`
  const { text: piece, matches } = toSnippet(text, findMatches(text, runsOf('needle')) ?? [])
  expect(piece.length).toBeLessThanOrEqual(162)
  expect(piece.isWellFormed()).toBe(true)
  expect(matches.map(({ start, length }) => piece.slice(start, start + length))).toEqual(['needle'])
  expect(toSnippet('short', [{ start: 0, length: 5 }])).toEqual({
    text: 'short',
    matches: [{ start: 0, length: 5 }],
  })
})
