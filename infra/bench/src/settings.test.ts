import { expect, test } from 'vitest'
import { loadSettings } from './settings.ts'

test('a size chooses how much of everything, and what is said by itself wins over it', () => {
  expect(loadSettings(['--full']).entries).toBe(10_000_000)
  expect(loadSettings(['--full', '--entries', '5000', '--rounds', '2'])).toMatchObject({
    size: 'full',
    entries: 5_000,
    rounds: 2,
  })
  expect(loadSettings(['--quick']).rounds).toBeLessThan(loadSettings([]).rounds)
})

test('without a choice every case is wanted, otherwise those whose names hold one of the texts', () => {
  expect(loadSettings([]).wanted('storm')).toBe(true)
  const { wanted } = loadSettings(['--only', 'groups of 5 sat, storm'])
  expect(['storm', 'groups of 5 saturated', 'groups of 50 saturated', 'push'].filter(wanted)).toEqual([
    'storm',
    'groups of 5 saturated',
  ])
})

test.for(['0', '-1', 'many', ''])('%j rounds are refused', (rounds) => {
  expect(() => loadSettings([`--rounds=${rounds}`])).toThrow('not a number above 0')
})
