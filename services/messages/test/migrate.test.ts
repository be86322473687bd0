import { execFile } from 'node:child_process'
import path from 'node:path'
import { createDatabase, createDatabaseWith } from '@parley/testing/postgres'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'

const script = path.resolve(import.meta.dirname, '../src/migrate.ts')

function run(url: string, ...args: string[]): Promise<number> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, ...args],
      { env: { DATABASE_URL: url, LOG_LEVEL: 'silent' } },
      (err) => resolve(typeof err?.code === 'number' ? err.code : err ? -1 : 0),
    )
  })
}

test('the check fails until the migrations of this release have run, and changes nothing', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  expect(await run(database.url, '--check')).toBe(1)
  expect(await run(database.url, '--check')).toBe(1)
  expect(await run(database.url)).toBe(0)
  expect(await run(database.url, '--check')).toBe(0)
})

test('a database that cannot hold every text is refused, and stays as it was', async () => {
  await using database = await createDatabaseWith(inject('postgresUrl'), `encoding 'LATIN1' locale 'C'`)
  expect(await run(database.url)).toBe(1)
  await using opened = new AsyncDisposableStack()
  const client = new Client(database.url)
  await client.connect()
  opened.defer(() => client.end())
  const { rows } = await client.query(`select to_regnamespace('messages') as schema`)
  expect(rows).toEqual([{ schema: null }])
})
