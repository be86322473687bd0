import path from 'node:path'
import { createLogger } from '@parley/shared/log'
import { migrateTo } from '@parley/shared/migrations'
import { openPool, queryBuilder } from '@parley/shared/postgres'
import { createDatabaseWith } from '@parley/testing/postgres'
import { expect, inject, test } from 'vitest'
import { migrate, schema } from '../src/db/database.ts'
import type { Database } from '../src/db/schema.ts'
import { listByPrefix } from '../src/directory/store.ts'

const log = createLogger(schema, { level: 'silent' })
const folder = path.resolve(import.meta.dirname, '../src/db/migrations')

test.for([
  ['of the server', ''],
  // As CloudNativePG makes databases.
  ['that knows letters of ASCII alone', `encoding 'UTF8' locale_provider libc locale 'C'`],
] as const)('a name is found in any case with a locale %s, and so is one of before', async ([, settings]) => {
  await using database = await createDatabaseWith(inject('postgresUrl'), settings)
  await using opened = new AsyncDisposableStack()
  const pool = openPool({ url: database.url, poolSize: 1, schema }, log)
  opened.defer(() => pool.end())
  const signUp = (userId: string, displayName: string, discoverable = true) =>
    pool.query(
      `insert into account (user_id, password_hash, display_name, discoverable) values ($1, '', $2, $3)`,
      [userId, displayName, discoverable],
    )
  await migrateTo(pool, { folder, schema }, '0026-deleted-though-suspended')
  await signUp('emile', 'Émile Ångström')
  await signUp('hidden', 'Éva', false)
  await migrate({ url: database.url }, log)
  await signUp('julia', 'ЮЛИЯ')
  await signUp('theo', 'Θεόδωρος Groß')
  const find = async (words: string) =>
    (await listByPrefix(queryBuilder<Database>(pool), { words, after: null, seenBy: '', limit: 9 })).map(
      ({ userId }) => userId,
    )
  for (const words of ['émile', 'ÉMILE', 'ång', 'Ång']) expect(await find(words)).toEqual(['emile'])
  for (const words of ['юл', 'Юл']) expect(await find(words)).toEqual(['julia'])
  for (const words of ['ΘΕΌΔΩΡΟΣ', 'gross', 'GROSS', 'groß']) expect(await find(words)).toEqual(['theo'])
  expect(await find('év')).toEqual([])
  // What it was found by before is gone.
  const { rows } = await pool.query('select term from directory_term where user_id = $1 order by term', [
    'emile',
  ])
  expect(rows.map(({ term }) => term as string)).toEqual(['emile', 'ångström', 'émile ångström'])
})
