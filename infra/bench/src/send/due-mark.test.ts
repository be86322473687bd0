import { expect, test } from 'vitest'
import { dueMark, dueOf } from './due-mark.ts'

test('a message carries the moment it was due, to the microsecond', () => {
  const event = `42["entry:new",{"entry":{"sentAt":"2026-01-01T00:00:00.000Z","clientMessageId":"a1-b2-${dueMark(7, 12_345.6789)}","seq":3}}]`
  expect(dueOf(event)).toBe(12_345.679)
})

test('an event without a mark was never due', () => {
  expect(dueOf('42["session:ready",{"time":"2026-01-01T00:00:00.000Z"}]')).toBeUndefined()
})
