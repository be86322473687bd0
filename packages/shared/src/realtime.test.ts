import { expect, test } from 'vitest'
import { encodeTraced, publicationsOf, splitEvents } from './realtime.ts'

const ring = (room: string, text: string) => ({ room, text })

test('events of one room go together and in order, those of others beside them', () => {
  const publications = publicationsOf([
    ring('a', '42["x",1]'),
    ring('b', '42["x",1]'),
    ring('a', '42["x",{"text":"\\n"}]'),
  ])
  expect(publications.map(({ room }) => room)).toEqual(['a', 'b'])
  const [first] = publications
  expect(splitEvents(Buffer.from(first?.text ?? '')).map(String)).toEqual([
    '42["x",1]',
    '42["x",{"text":"\\n"}]',
  ])
})

test('a traced event goes by itself, and what comes after it does not overtake it', () => {
  const traced = encodeTraced('00-a-b-01', '42["x",2]')
  const publications = publicationsOf(
    ['42["x",1]', traced, '42["x",3]', '42["x",4]'].map((text) => ring('a', text)),
  )
  expect(publications.map(({ text }) => text)).toEqual(['42["x",1]', traced, '42["x",3]\n42["x",4]'])
})

test('what is joined has a bound, and one that is longer goes by itself', () => {
  const long = `42["x","${'y'.repeat(40_000)}"]`
  const publications = publicationsOf(
    [long, long, `42["${'z'.repeat(100_000)}"]`].map((text) => ring('a', text)),
  )
  expect(publications).toHaveLength(3)
})

test('one event is itself', () => {
  expect(splitEvents(Buffer.from('42["x",1]')).map(String)).toEqual(['42["x",1]'])
})
