import { expect, test } from 'vitest'
import { isQuiet } from './quiet-hours.ts'

const night = { from: '22:00', until: '07:00', timeZone: 'Europe/Berlin' }
const lunch = { from: '12:00', until: '13:00', timeZone: 'America/New_York' }

test.for([
  ['before the night begins', night, '2026-01-10T20:59:00Z', false],
  ['as the night begins', night, '2026-01-10T21:00:00Z', true],
  ['after midnight', night, '2026-01-10T23:30:00Z', true],
  ['as the night ends', night, '2026-01-10T06:00:00Z', false],
  ['by summer time', night, '2026-07-10T20:00:00Z', true],
  ['at lunch across the ocean', lunch, '2026-01-10T17:30:00Z', true],
  ['after lunch', lunch, '2026-01-10T18:00:00Z', false],
  ['of no length', { ...lunch, until: '12:00' }, '2026-01-10T17:00:00Z', false],
] as const)('quiet hours %s', ([, hours, at, expected]) => {
  expect(isQuiet(hours, new Date(at))).toBe(expected)
})
