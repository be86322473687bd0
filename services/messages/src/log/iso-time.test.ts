import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoTime } from './iso-time.ts'

test('says what toISOString says, whatever was asked for before', () => {
  const near = fc.integer({ min: -2_000, max: 2_000 }).map((ms) => new Date(1_800_000_000_000 + ms))
  const any = fc.date({ noInvalidDate: true })
  fc.assert(
    fc.property(fc.array(fc.oneof(near, any), { maxLength: 20 }), (dates) => {
      expect(dates.map(isoTime)).toEqual(dates.map((date) => date.toISOString()))
    }),
  )
  expect(() => isoTime(new Date(Number.NaN))).toThrow(RangeError)
})
