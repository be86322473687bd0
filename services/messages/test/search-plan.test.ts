import { createLogger } from '@parley/shared/log'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { expect } from 'vitest'
import { schema } from '../src/db/database.ts'
import { changedQuery } from '../src/search/index-store.ts'
import { test } from './fixture.ts'

test('what is to be indexed is read by number in tables of which the planner knows nothing yet', async ({
  config,
}) => {
  const options = { url: config.database.url, poolSize: 1, schema, plans: 'by-index' } as const
  await using opened = new AsyncDisposableStack()
  const pool = opened.adopt(openPool(options, createLogger('test', { level: 'silent' })), (made) =>
    made.end(),
  )
  const { sql } = changedQuery([]).compile(queryBuilder(pool))
  await pool.query(`prepare changed as ${sql}`)
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`explain execute changed('{}', '{}', '{}')`)
  const plan = rows.map((row) => row['QUERY PLAN'])

  expect(plan.filter((line) => /Seq Scan|Join Filter|Merge Append/.test(line))).toEqual([])
  const conditions = plan.filter((line) => line.includes('Index Cond: '))
  expect(conditions).not.toHaveLength(0)
  // By its conversation alone would be by all of it, and so would be by what entries change.
  expect(conditions.filter((line) => !/\bseq\b/.test(line))).toEqual([])
})
