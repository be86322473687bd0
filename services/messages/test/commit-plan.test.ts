import { randomUUID as uuid } from 'node:crypto'
import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { signUp } from '@parley/testing/chat-api'
import { expect } from 'vitest'
import { schema } from '../src/db/database.ts'
import { commitStatement } from '../src/messages/commit-batch.ts'
import { plainStatement } from '../src/messages/commit-plain.ts'
import { test } from './fixture.ts'

test.for([
  ['that tells reasons', commitStatement, 18],
  ['of plain sends', plainStatement, 27],
] as const)(
  'a commit %s reads by key and never joins its batch with itself, whatever the planner thinks of the tables',
  async ([_which, statement, columns], { api, config }) => {
    const options = { url: config.database.url, poolSize: 1, schema, plans: 'by-index' } as const
    await using opened = new AsyncDisposableStack()
    const pool = opened.adopt(openPool(options, createLogger('test', { level: 'silent' })), (made) =>
      made.end(),
    )
    // Small tables and small numbers are what a planner is tempted by.
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const draft = {
      clientMessageId: uuid(),
      to: { userId: ben.userId },
      type: 'text',
      content: { text: 'hi' },
    }
    await api.post('/v1/messages', draft, ann.token)
    await pool.query('analyze')
    await pool.query(`prepare commit as ${statement}`)
    const parameters = Array.from({ length: columns }, () => `'{}'`).join(', ')
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain execute commit(${parameters})`)
    const plan = rows.map((row) => row['QUERY PLAN'])

    const dear = /Seq Scan|Join Filter|Materialize|Hash Join|Merge Join/
    // What conversations begin at is one row.
    const besideOneRow = /Join Filter: \(b_\d\.seqs\[.+\] IS NOT NULL\)$/
    expect(plan.filter((line) => dear.test(line) && !besideOneRow.test(line))).toEqual([])
    const scans = plan.flatMap((line, i) => (/Index (Only )?Scan/.test(line) ? [plan[i + 1]] : []))
    expect(scans).not.toHaveLength(0)
    expect(scans.filter((line) => !line?.includes('Index Cond: '))).toEqual([])
  },
)
