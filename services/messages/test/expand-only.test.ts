import path from 'node:path'
import { listMigrations, readFrozen } from '@parley/shared/contract/frozen'
import { createLogger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import { findContractions } from '@parley/testing/contractions'
import { createDatabase } from '@parley/testing/postgres'
import { expect, inject, test } from 'vitest'

const schema = 'messages'
const folder = path.resolve(import.meta.dirname, '../src/db/migrations')
const namesOf = (migrations: Record<string, string[]>) =>
  (migrations[schema] ?? []).map((file) => path.basename(file, '.ts'))

test('P11 migrations since the release before leave it all that its statements need', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  const log = createLogger(schema, { level: 'silent' })
  const pool = openPool({ url: database.url, poolSize: 1, schema }, log)
  try {
    const releases = { released: namesOf(readFrozen().migrations), all: namesOf(listMigrations()) }
    expect(releases.released.length).toBeGreaterThan(0)
    // Expand in one release, contract in the next, whose migration exports `contracts`: CONTRIBUTING.
    expect(await findContractions(pool, { folder, schema }, releases)).toEqual([])
  } finally {
    await pool.end()
  }
})
