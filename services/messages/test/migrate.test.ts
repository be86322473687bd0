import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { createDatabase } from '@parley/testing/postgres'
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
  await using opened = new AsyncDisposableStack()
  const connect = async (url: string) => {
    const client = new Client(url)
    await client.connect()
    opened.defer(() => client.end())
    return client
  }
  const server = await connect(inject('postgresUrl'))
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await server.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`)
  opened.defer(async () => void (await server.query(`drop database ${name} with (force)`)))
  const url = Object.assign(new URL(inject('postgresUrl')), { pathname: name }).href
  expect(await run(url)).toBe(1)
  const latin = await connect(url)
  const { rows } = await latin.query(`select to_regnamespace('messages') as schema`)
  expect(rows).toEqual([{ schema: null }])
})
