import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { compareColumns, listColumns } from '@parley/testing/contractions'
import { createDatabase } from '@parley/testing/postgres'
import { expect, inject, test } from 'vitest'

test.for([
  ['a new column that may be empty', 'alter table letter add note text', []],
  ['a new required column with a default', "alter table letter add state text not null default 'new'", []],
  ['a new table, whatever it requires', 'create table stamp (price int not null)', []],
  ['a value that need not be there any more', 'alter table letter alter body drop not null', []],
  ['a dropped column', 'alter table letter drop body', ['letter.body is gone']],
  [
    'a renamed column, which is a dropped one and a required one',
    'alter table letter rename body to words',
    ['letter.body is gone', 'letter.words is new, required and without a default'],
  ],
  [
    'a dropped table',
    'drop table letter',
    ['letter.body is gone', 'letter.id is gone', 'letter.remark is gone'],
  ],
  ['another type', 'alter table letter alter id type int', ['letter.id was int8 and is int4']],
  [
    'a value that became required',
    'alter table letter alter remark set not null',
    ['letter.remark became required'],
  ],
  [
    'a new required column without a default',
    'alter table letter add size int not null',
    ['letter.size is new, required and without a default'],
  ],
] as const)('what the release before would miss: %s', async ([, change, missed]) => {
  await using database = await createDatabase(inject('postgresUrl'))
  const pool = openPool(
    { url: database.url, poolSize: 1, schema: 'public' },
    createLogger('test', { level: 'silent' }),
  )
  try {
    await pool.query('create table letter (id bigint not null, body text not null, remark text)')
    const before = await listColumns(pool, 'public')
    await pool.query(change)
    expect(compareColumns(before, await listColumns(pool, 'public'))).toEqual(missed)
  } finally {
    await pool.end()
  }
})
