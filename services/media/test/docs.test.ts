import { execFile } from 'node:child_process'
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { findFreePort } from '@parley/testing/free-port'
import { sql } from 'kysely'
import sharp from 'sharp'
import { expect } from 'vitest'
import { startMedia } from '../src/service.ts'
import { phoneFilm } from './films.ts'
import { test } from './fixture.ts'
import { phonePhoto } from './images.ts'

const run = promisify(execFile)
const page = path.resolve(import.meta.dirname, '../../../docs/media.md')

test('the shell lines of docs/media.md do what they say, typed as written', async ({ config, issuer }) => {
  const port = await findFreePort()
  const origin = `http://127.0.0.1:${port}`
  if (config.storage.driver !== 'fs') throw new Error('the fixture stores files')
  await using service = await startMedia({
    ...config,
    http: { ...config.http, host: '127.0.0.1', port },
    storage: { ...config.storage, publicUrl: origin },
  })
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-docs-'))
  await writeFile(path.join(directory.path, 'beach.jpg'), await phonePhoto())
  await writeFile(path.join(directory.path, 'film.mp4'), await phoneFilm())

  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```sh\n(.*?)^```/gms)].map(
    ([, lines]) => lines ?? '',
  )
  const lines = blocks
    // A form needs a store that takes them; `storage/on-s3.ts` posts one.
    .filter((block) => !block.includes('.upload.fields') && !block.startsWith('MAP_URL_TEMPLATE'))
    .join('\n')
    .replace('TOKEN=...; ORIGIN=http://localhost:8080', '')
  const env = { ...process.env, ORIGIN: origin, TOKEN: await issuer.sign({ userId: 'ann' }) }
  await run('bash', ['-euo', 'pipefail', '-c', lines], { cwd: directory.path, env, timeout: 60_000 })

  const shown = await sharp(path.join(directory.path, 'shown.jpg')).metadata()
  expect(shown.format).toBe('jpeg')
  const thumbnail = await sharp(path.join(directory.path, 'thumbnail.webp')).metadata()
  expect(thumbnail.format).toBe('webp')
  // A link, a form, one that is taken up again, one in parts: each was completed.
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from media where owner_id = 'ann' and status in ('processing', 'ready')`.execute(
    service.ctx.db,
  )
  expect(rows[0]?.count).toBe(4)
})
