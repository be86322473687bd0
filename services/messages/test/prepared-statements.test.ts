import { createLogger } from '@parley/shared/log'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { createDatabase } from '@parley/testing/postgres'
import { type Kysely, sql } from 'kysely'
import { describe, expect, inject, test as base } from 'vitest'

interface Tables {
  thing: { id: number }
}

/** One connection, so that what is planned on it is seen. */
const test = base.extend('db', async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  const database = opened.use(await createDatabase(inject('postgresUrl')))
  const log = createLogger('test', { level: 'silent' })
  const options = { url: database.url, poolSize: 1, schema: 'public' }
  const pool = opened.adopt(openPool(options, log), (it) => it.end())
  const db = queryBuilder<Tables>(pool)
  await sql`create table thing (id integer primary key)`.execute(db)
  await sql`insert into thing values (1), (2)`.execute(db)
  return db
})

const find = (db: Kysely<Tables>, id: number) =>
  db.selectFrom('thing').selectAll().where('id', '=', id).execute()

const addColumn = (db: Kysely<Tables>) =>
  sql`alter table thing add column name text default 'new'`.execute(db)

describe('statements', () => {
  test('with parameters are planned once on each connection', async ({ db }) => {
    for (const id of [1, 2, 1]) expect(await find(db, id)).toEqual([{ id }])
    const { rows } = await sql`
      select generic_plans + custom_plans as runs from pg_prepared_statements
      where statement like '%from "thing"%'`.execute(db)
    expect(rows).toEqual([{ runs: 3 }])
  })

  test('are never compiled: that takes longer than they do', async ({ db }) => {
    expect((await sql`show jit`.execute(db)).rows).toEqual([{ jit: 'off' }])
  })

  test('P10 whose length varies are not kept: there is no end of them', async ({ db }) => {
    for (let length = 2; length < 10; length++) {
      const ids = Array.from({ length }, (_, i) => i)
      await db.selectFrom('thing').selectAll().where('id', 'in', ids).execute()
      const rows = ids.map((id) => ({ id: length * 10 + id }))
      await db.insertInto('thing').values(rows).execute()
    }
    const { rows } = await sql`
      select count(*)::int as kept from pg_prepared_statements
      where statement like '%thing%' and statement not like '%pg_prepared%'`.execute(db)
    expect(rows).toEqual([{ kept: 0 }])
  })

  test('that were planned before a migration go on after it', async ({ db }) => {
    await find(db, 1)
    await addColumn(db)
    expect(await find(db, 1)).toEqual([{ id: 1, name: 'new' }])
  })

  test('fail once at most where a transaction cannot go on', async ({ db }) => {
    await find(db, 1)
    await addColumn(db)
    const inTransaction = () => db.transaction().execute((trx) => find(trx as typeof db, 1))
    await expect(inTransaction()).rejects.toThrow('cached plan')
    expect(await inTransaction()).toEqual([{ id: 1, name: 'new' }])
    expect(await find(db, 2)).toEqual([{ id: 2, name: 'new' }])
  })
})
