import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, parseEnv, port, postgresUrl } from './env.ts'

const Env = z.object({ PORT: port.default(1), DATABASE_URL: postgresUrl, KEY: z.string().min(5).optional() })
const database = 'postgres://u:p@h/d'

test('a wrong variable is named, without its value', () => {
  const read = () => parseEnv(Env, { PORT: 'secret-value', DATABASE_URL: 'mysql://top:secret@h/d' })
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(/PORT[\s\S]*DATABASE_URL|DATABASE_URL[\s\S]*PORT/)
  expect(read).not.toThrow(/secret/)
})

test('an empty variable counts as absent', () => {
  expect(parseEnv(Env, { PORT: '', DATABASE_URL: database, KEY: '' })).toEqual({
    PORT: 1,
    DATABASE_URL: database,
  })
})

test('a secret may come from a file, and a file that cannot be read is named by its variable', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-env-'))
  const file = path.join(directory.path, 'key')
  await writeFile(file, 'from a file\n')
  expect(parseEnv(Env, { DATABASE_URL: database, KEY_FILE: file }).KEY).toBe('from a file')
  expect(() => parseEnv(Env, { DATABASE_URL: database, KEY_FILE: '/no/such/file' })).toThrow(
    /KEY_FILE cannot be read/,
  )
})
