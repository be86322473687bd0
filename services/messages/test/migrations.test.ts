import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createLogger } from '@parley/shared/log'
import { migrateToLatest } from '@parley/shared/migrations'
import { createDatabase } from '@parley/testing/postgres'
import { makeTemporaryDir } from '@parley/testing/temporary-dir'
import { Client } from 'pg'
import { test as base, describe, expect, inject, vi } from 'vitest'

const log = createLogger('test', { level: 'silent' })

const test = base.extend('database', async ({}, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())
  const { path: folder } = opened.use(await makeTemporaryDir('parley-migrations'))
  const { url } = opened.use(await createDatabase(inject('postgresUrl')))
  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: url, options: '-c search_path=letters' })
    await client.connect()
    opened.defer(() => client.end())
    return client
  }
  const client = await connect()
  return {
    client,
    connect,
    /** Migrations of one statement each, 0001 and so on. */
    async write(...statements: string[]): Promise<void> {
      for (const [i, statement] of statements.entries())
        await writeFile(
          path.join(folder, `000${i + 1}.mjs`),
          `import { sql } from '${import.meta.resolve('kysely')}'
          export const up = (db) => sql.raw(${JSON.stringify(statement)}).execute(db)`,
        )
    },
    migrate: () => migrateToLatest({ url }, { folder, schema: 'letters' }, log),
    /** Until the statement of a migration is at a point that says so. */
    reached: (condition: string) =>
      vi.waitUntil(
        async () =>
          (
            await client.query(
              `select from pg_stat_activity
              where datname = current_database() and application_name = 'parley-letters' and ${condition}`,
            )
          ).rows.length > 0,
      ),
  }
})

const letter = 'create table letter (id int)'
const untilALetter =
  'do $$ begin while not exists (select from letter) loop perform pg_sleep(0.01); end loop; end $$'

describe('migrations', () => {
  test('take as long as they take: none of their statements is given up', async ({ database }) => {
    await database.write(`create table bound as select current_setting('statement_timeout') as after`)
    expect(await database.migrate()).toEqual(['0001'])
    expect((await database.client.query('select after from bound')).rows).toEqual([{ after: '0' }])
    expect(await database.migrate()).toEqual([])
  })

  test('are all applied by who came first, and others wait until then', async ({ database }) => {
    await database.write(letter, untilALetter, 'create table stamp (price int)')
    const first = database.migrate()
    await database.reached(`state = 'active' and query like 'do %'`)
    const second = database.migrate()
    await database.reached(`wait_event_type = 'Lock'`)
    await database.client.query('insert into letter default values')
    expect(await Promise.all([first, second])).toEqual([['0001', '0002', '0003'], []])
  })

  test('that came before one that fails stay, the error names that one, and the next time goes on with it', async ({
    database,
  }) => {
    await database.write(letter, 'create table stamp (price int); select 1 / count(*) from letter')
    await expect(database.migrate()).rejects.toThrow('migration 0002 failed')
    await expect(database.client.query('select from stamp')).rejects.toThrow('does not exist')
    await database.client.query('insert into letter default values')
    expect(await database.migrate()).toEqual(['0002'])
  })

  test('hold no lock while the next one runs, and what they changed can be used', async ({ database }) => {
    await database.write(letter, 'alter table letter add note text', untilALetter)
    const migrating = database.migrate()
    await database.reached(`state = 'active' and query like 'do %'`)
    await database.client.query('set lock_timeout = 1000')
    await database.client.query(`insert into letter (note) values ('hello')`)
    expect(await migrating).toEqual(['0001', '0002', '0003'])
  })

  test('that wait for a lock let go those who queue behind them, and get it later', async ({ database }) => {
    await database.write(letter)
    await database.migrate()
    const reader = await database.connect()
    await reader.query('begin')
    await reader.query('select from letter')
    await database.write(letter, 'alter table letter add note text')
    const migrating = database.migrate()
    await database.reached(`wait_event_type = 'Lock'`)
    // Answered although the first reader goes on.
    expect((await database.client.query('select from letter')).rows).toEqual([])
    await reader.query('commit')
    expect(await migrating).toEqual(['0002'])
  })
})
