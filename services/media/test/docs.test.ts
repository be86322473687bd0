import { execFile } from 'node:child_process'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { findFreePort } from '@parley/testing/free-port'
import { sql } from 'kysely'
import sharp from 'sharp'
import { expect } from 'vitest'
import { startMedia } from '../src/service.ts'
import { blocksOf } from './docs-page.ts'
import { phoneFilm } from './films.ts'
import { phonePhoto } from './images.ts'
import { onS3 as test } from './storage/drivers.ts'

const run = promisify(execFile)

test.for([
  // A link, a form, one that is taken up again, one in parts: each was completed.
  { driver: 'fs' as const, completed: 4 },
  // And the form of a browser, which needs a store that takes them.
  { driver: 's3' as const, completed: 5 },
])(
  'the shell lines of docs/media.md do what they say on $driver, typed as written',
  async ({ driver, completed }, { config, s3, issuer }) => {
    const port = await findFreePort()
    const origin = `http://127.0.0.1:${port}`
    if (config.storage.driver !== 'fs') throw new Error('the fixture stores files')
    await using service = await startMedia({
      ...config,
      http: { ...config.http, host: '127.0.0.1', port },
      storage: driver === 's3' ? s3 : { ...config.storage, publicUrl: origin },
    })
    await using directory = await mkdtempDisposable(path.join(tmpdir(), 'parley-docs-'))
    await writeFile(path.join(directory.path, 'beach.jpg'), await phonePhoto())
    await writeFile(path.join(directory.path, 'film.mp4'), await phoneFilm())

    const lines = (await blocksOf('sh'))
      .filter((block) => driver === 's3' || !block.includes('.upload.fields'))
      // A setting of the service, and no line to type.
      .filter((block) => !block.startsWith('MAP_URL_TEMPLATE'))
      .join('\n')
      .replace('TOKEN=...; ORIGIN=http://localhost:8080', '')
    const userId = `ann-${driver}`
    const env = { ...process.env, ORIGIN: origin, TOKEN: await issuer.sign({ userId }) }
    await run('bash', ['-euo', 'pipefail', '-c', lines], { cwd: directory.path, env, timeout: 60_000 })

    const shown = await sharp(path.join(directory.path, 'shown.jpg')).metadata()
    expect(shown.format).toBe('jpeg')
    const thumbnail = await sharp(path.join(directory.path, 'thumbnail.webp')).metadata()
    expect(thumbnail.format).toBe('webp')
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from media where owner_id = ${userId} and status in ('processing', 'ready')`.execute(
      service.ctx.db,
    )
    expect(rows[0]?.count).toBe(completed)
  },
)
