import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shareOut } from './share-out.ts'

const conversation = (conversationId: string, indexedSeq: number, lastSeq: number) => ({
  conversationId,
  indexedSeq,
  lastSeq,
})

test('what can be finished is, and what is far behind gets the rest', () => {
  expect(
    shareOut([conversation('busy', 40, 9_000), conversation('quiet', 7, 8), conversation('calm', 0, 3)], 10),
  ).toEqual([
    { conversationId: 'quiet', after: 7, upTo: 8 },
    { conversationId: 'calm', after: 0, upTo: 3 },
    { conversationId: 'busy', after: 40, upTo: 46 },
  ])
})

test('all of the budget is used, no more of any than there is, and evenly where it is short', () => {
  const backlogs = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 })
  fc.assert(
    fc.property(backlogs, fc.integer({ min: 1, max: 200 }), (lengths, budget) => {
      const behind = lengths.map((length, i) => conversation(String(i), i, i + length))
      const taken = shareOut(behind, budget).map(({ conversationId, after, upTo }) => ({
        of: lengths[Number(conversationId)] ?? 0,
        took: upTo - after,
      }))
      const total = lengths.reduce((sum, length) => sum + length, 0)
      expect(taken.reduce((sum, { took }) => sum + took, 0)).toBe(Math.min(total, budget))
      expect(taken.filter(({ of, took }) => took > of)).toEqual([])
      const cut = taken.filter(({ of, took }) => took < of).map(({ took }) => took)
      expect(cut.filter((took) => took < Math.max(...cut) - 1)).toEqual([])
    }),
  )
})
