import { execFile } from 'node:child_process'
import path from 'node:path'
import { createDatabase } from '@parley/testing/postgres'
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
