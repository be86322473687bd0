import { expect, test } from 'vitest'
import { bars } from '../bars.ts'
import type { CaseReport } from '../section.ts'
import { judge } from './judge.ts'
import { figure, joinTables, toMarkdown } from './markdown.ts'

const report: CaseReport = {
  name: 'groups of 5 saturated',
  readings: [{ bar: 'cpuSaturated', rounds: [{ product: 120, bare: 100 }] }],
  tables: [{ title: 'Sending', head: ['case', 'messages/s'], rows: [['groups of 5 saturated', '9000']] }],
  notes: ['others had 30 % of the machine'],
  voids: [],
  rounds: [],
}
const run = {
  at: '2026-01-01T12:34:56.000Z',
  settings: { rounds: 1, seconds: 3, size: 'quick', stormSockets: 1_000, entries: 5 },
  machine: { cores: 2, cpu: 'a processor', node: '24' },
} as const
const linesOf = (reports: CaseReport[]) =>
  toMarkdown({ ...run, verdicts: judge(reports), reports }).split('\n')

test('every bar has its row, also one that was not measured', () => {
  const rows = linesOf([report]).filter((line) => /[≥≤]/.test(line))
  expect(rows).toHaveLength(Object.keys(bars).length)
  expect(rows.filter((row) => !row.includes('not measured'))).toEqual([
    '| CPU per message, groups of 5, saturated | stock relay that stores nothing | 120 | 100 | 1.2 × (1.2 to 1.2) | ≤ 0.8 × | **missed** |',
  ])
})

test('what makes a case void, and what disturbed it, stands in the report', () => {
  const lines = linesOf([{ ...report, voids: ['3 messages were lost'] }])
  expect(lines).toContain('- **groups of 5 saturated is void**: 3 messages were lost')
  expect(lines).toContain('- groups of 5 saturated: others had 30 % of the machine')
  expect(lines.join('\n')).toContain('**void**')
})

test('cases fill the tables that they share', () => {
  const [first, second] = joinTables(structuredClone([report, report]))
  expect(first?.tables[0]?.rows).toHaveLength(2)
  expect(second?.tables).toEqual([])
})

test.for([
  [13_638.4, '13,638'],
  [456.7, '457'],
  [56.78, '56.8'],
  [1.149, '1.15'],
  [0.6449, '0.64'],
  [0, '0'],
  [Number.NaN, 'none'],
] as const)('%d is printed as %s', ([value, text]) => {
  expect(figure(value)).toBe(text)
})
