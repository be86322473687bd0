import { expect, test } from 'vitest'
import { groupPlaces } from './people.ts'

test('everybody is in about as many groups as wanted, of 50 each', () => {
  const groups = groupPlaces(500, 10)
  expect(groups).toHaveLength(100)
  const roomsOf = Array.from({ length: 500 }, () => 0)
  for (const places of groups) {
    expect(new Set(places).size).toBe(places.length)
    for (const place of places) roomsOf[place] = (roomsOf[place] ?? 0) + 1
  }
  expect(Math.min(...roomsOf)).toBeGreaterThan(0)
  expect(roomsOf.reduce((sum, rooms) => sum + rooms, 0) / 500).toBeCloseTo(10, 0)
})
