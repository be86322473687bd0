import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createHttpApp } from '@parley/shared/http'
import { createLogger } from '@parley/shared/log'
import { findFreePort } from '@parley/testing/free-port'
import { startObjectStore } from '@parley/testing/object-store'
import sharp from 'sharp'
import { describe, expect } from 'vitest'
import type { S3Config } from '../src/config.ts'
import { startMedia } from '../src/service.ts'
import { fsRoutes } from '../src/storage/fs-routes.ts'
import { openFsStorage } from '../src/storage/fs.ts'
import { ensureBucket, openS3Storage } from '../src/storage/s3.ts'
import { newKey, type Storage } from '../src/storage/storage.ts'
import { createClient } from './client.ts'
import { test as onService } from './fixture.ts'
import { phonePhoto } from './images.ts'

const log = createLogger('media', { level: 'silent' })

const withDirectory = onService.extend('directory', { scope: 'file' }, async ({}, { onCleanup }) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'parley-storage-'))
  onCleanup(() => rm(directory, { recursive: true, force: true }))
  return directory
})

const withStore = withDirectory.extend(
  's3',
  { scope: 'file' },
  async ({}, { onCleanup }): Promise<S3Config> => {
    const store = await startObjectStore()
    onCleanup(() => store[Symbol.asyncDispose]())
    const { endpoint, accessKeyId, secretAccessKey } = store
    const bucket = `media-${randomUUID()}`
    const keys = { accessKeyId, secretAccessKey, region: 'us-east-1', bucket, forcePathStyle: true }
    const config = { driver: 's3' as const, endpoint, publicEndpoint: endpoint, ...keys }
    await ensureBucket(config)
    await ensureBucket(config)
    return config
  },
)

const onFs = withStore.extend(
  'storage',
  { scope: 'file' },
  async ({ directory }, { onCleanup }): Promise<Storage> => {
    const app = createHttpApp(log)
    onCleanup(() => app.close())
    const publicUrl = 'http://media.invalid'
    const root = path.join(directory, 'objects')
    const storage = await openFsStorage({ path: root, linkSecret: randomUUID(), publicUrl }, log)
    fsRoutes(app, storage)
    return reachedAt(storage, publicUrl, await app.listen({ host: '127.0.0.1', port: 0 }))
  },
)

const onS3 = withStore.extend(
  'storage',
  { scope: 'file' },
  async ({ s3 }, { onCleanup }): Promise<Storage> => {
    const storage = openS3Storage(s3)
    onCleanup(() => storage[Symbol.asyncDispose]())
    return storage
  },
)

/** The same storage with its links leading to where the test server listens. */
function reachedAt(storage: Storage, publicUrl: string, url: string): Storage {
  return {
    ...storage,
    async uploadLink(key, terms) {
      const link = await storage.uploadLink(key, terms)
      return { ...link, url: link.url.replace(publicUrl, url) }
    },
    downloadLink: async (key, terms) => (await storage.downloadLink(key, terms)).replace(publicUrl, url),
  }
}

const jpeg = { contentType: 'image/jpeg', ttlSeconds: 60 }
const shown = { contentType: 'image/webp', disposition: 'inline; filename="a.webp"', ttlSeconds: 60 }

async function put(storage: Storage, directory: string, bytes: Buffer): Promise<string> {
  const key = newKey('media')
  const file = path.join(directory, randomUUID())
  await writeFile(file, bytes)
  await storage.putFile(key, file)
  return key
}

describe.for([
  { driver: 'fs', test: onFs },
  { driver: 's3', test: onS3 },
])('storage on $driver', ({ test }) => {
  test('an upload link stores the bytes that are put to it', { timeout: 180_000 }, async ({ storage }) => {
    const [key, bytes] = [newKey('incoming'), randomBytes(300_000)]
    const link = await storage.uploadLink(key, { ...jpeg, sizeBytes: bytes.length })
    const answer = await fetch(link.url, { method: link.method, headers: link.headers, body: bytes })
    expect(answer.status).toBe(200)
    expect(await storage.peek(key, 16)).toEqual({
      sizeBytes: bytes.length,
      start: Buffer.from(bytes.subarray(0, 16)),
    })
  })

  test.for([
    { what: 'more bytes than declared', bytes: 11, headers: {} },
    { what: 'fewer bytes than declared', bytes: 9, headers: {} },
    { what: 'another type', bytes: 10, headers: { 'content-type': 'text/html' } },
  ])('an upload link refuses $what and stores nothing', async ({ bytes, headers }, { storage }) => {
    const key = newKey('incoming')
    const link = await storage.uploadLink(key, { ...jpeg, sizeBytes: 10 })
    const answer = await fetch(link.url, {
      method: 'PUT',
      headers: { ...link.headers, ...headers },
      body: randomBytes(bytes),
    })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    expect(await storage.peek(key, 1)).toBeUndefined()
  })

  test('a body without a length is refused', async ({ storage }) => {
    const key = newKey('incoming')
    const link = await storage.uploadLink(key, { ...jpeg, sizeBytes: 10 })
    const answer = await fetch(link.url, {
      method: 'PUT',
      headers: link.headers,
      body: new Blob([randomBytes(10)]).stream(),
      duplex: 'half',
    })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(await storage.peek(key, 1)).toBeUndefined()
  })

  test.for(['upload', 'download'] as const)(
    'an %s link that was altered is refused',
    async (kind, { storage, directory }) => {
      const key = await put(storage, directory, Buffer.from('hello'))
      const url =
        kind === 'upload'
          ? (await storage.uploadLink(key, { ...jpeg, sizeBytes: 5 })).url
          : await storage.downloadLink(key, shown)
      for (const altered of alterations(url)) {
        const answer = await fetch(altered, {
          method: kind === 'upload' ? 'PUT' : 'GET',
          ...(kind === 'upload' ? { headers: { 'content-type': 'image/jpeg' }, body: 'HELLO' } : {}),
        })
        expect(answer.status).toBe(403)
      }
      expect((await storage.peek(key, 5))?.start.toString()).toBe('hello')
    },
  )

  test('a link that has ended is refused', async ({ storage, directory }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    const url = await storage.downloadLink(key, { ...shown, ttlSeconds: 1 })
    await expect.poll(async () => (await fetch(url)).status, { timeout: 10_000, interval: 200 }).toBe(403)
  })

  test('a download link gives the bytes under the type and name it was made for', async ({
    storage,
    directory,
  }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    const answer = await fetch(await storage.downloadLink(key, shown))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('image/webp')
    expect(answer.headers.get('content-disposition')).toBe('inline; filename="a.webp"')
    expect(answer.headers.get('cache-control')).toMatch(/^private, max-age=\d+$/)
    expect(await answer.text()).toBe('hello')
  })

  test.for([
    { range: 'bytes=2-3', status: 206, text: 'll', contentRange: 'bytes 2-3/5' },
    { range: 'bytes=3-', status: 206, text: 'lo', contentRange: 'bytes 3-4/5' },
    { range: 'bytes=-2', status: 206, text: 'lo', contentRange: 'bytes 3-4/5' },
    { range: 'bytes=0-99', status: 206, text: 'hello', contentRange: 'bytes 0-4/5' },
  ])(
    'a download of $range is answered with that part',
    async ({ range, status, text, contentRange }, { storage, directory }) => {
      const key = await put(storage, directory, Buffer.from('hello'))
      const answer = await fetch(await storage.downloadLink(key, shown), { headers: { range } })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-range')).toBe(contentRange)
      expect(await answer.text()).toBe(text)
    },
  )

  test('a range behind the end is answered with 416', async ({ storage, directory }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    const answer = await fetch(await storage.downloadLink(key, shown), { headers: { range: 'bytes=5-' } })
    expect(answer.status).toBe(416)
  })

  test('what a client holds already is not sent again', async ({ storage, directory }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    const url = await storage.downloadLink(key, shown)
    const etag = (await fetch(url)).headers.get('etag') ?? ''
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  test('a copy keeps its bytes when its source is written again', async ({ storage }) => {
    const [from, to] = [newKey('incoming'), newKey('media')]
    const link = await storage.uploadLink(from, { ...jpeg, sizeBytes: 5 })
    const upload = { method: 'PUT', headers: link.headers }
    await fetch(link.url, { ...upload, body: 'first' })
    expect(await storage.copy(from, to)).toBe(true)
    expect((await fetch(link.url, { ...upload, body: 'other' })).status).toBe(200)
    expect((await storage.peek(to, 5))?.start.toString()).toBe('first')
    expect((await storage.peek(from, 5))?.start.toString()).toBe('other')
    await storage.remove([from])
    expect((await storage.peek(to, 5))?.start.toString()).toBe('first')
  })

  test('a file goes in and comes out as it was', async ({ storage, directory }) => {
    const bytes = randomBytes(1_500_000)
    const key = await put(storage, directory, bytes)
    const file = path.join(directory, randomUUID())
    expect(await storage.fetchFile(key, file)).toBe(true)
    expect((await readFile(file)).equals(bytes)).toBe(true)
  })

  test('an object that is not there is told from one that is', async ({ storage, directory }) => {
    const [key, file] = [newKey('media'), path.join(directory, randomUUID())]
    expect(await storage.peek(key, 10)).toBeUndefined()
    expect(await storage.copy(key, newKey('media'))).toBe(false)
    expect(await storage.fetchFile(key, file)).toBe(false)
    expect((await fetch(await storage.downloadLink(key, shown))).status).toBe(404)
  })

  test('removing takes what is there and does not mind what is not', async ({ storage, directory }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    await storage.remove([key, newKey('media')])
    await storage.remove([])
    expect(await storage.peek(key, 1)).toBeUndefined()
  })
})

describe('the service on S3', () => {
  onS3(
    'takes a photo in and gives it back, and no byte of it passes through the service',
    async ({ s3, config, issuer }) => {
      await using service = await startMedia({ ...config, storage: s3 })
      const token = await issuer.sign({ userId: 'ann' })
      const ids = { userId: 'ann', sessionId: '' }
      const ann = createClient({ url: service.url, publicUrl: service.url, token, ...ids })
      const photo = await phonePhoto(640, 480)

      const { body: ticket } = await ann.begin('image/jpeg', photo.length, 'Grüße.jpg')
      expect(new URL(ticket.upload.url).origin).toBe(new URL(s3.endpoint).origin)
      expect((await ann.put(ticket, Buffer.concat([photo, photo]))).status).toBe(403)
      expect((await ann.complete(ticket.mediaId)).status).toBe(409)
      expect((await ann.put(ticket, photo)).status).toBe(200)
      expect((await ann.complete(ticket.mediaId)).status).toBe(200)
      // The link still writes, but to nowhere that counts.
      await ann.put(ticket, Buffer.alloc(photo.length))

      expect(await ann.settled(ticket.mediaId)).toMatchObject({ status: 'ready', width: 480, height: 640 })
      for (const part of ['', '/thumbnail'] as const) {
        const { response, bytes } = await ann.download(ticket.mediaId, part)
        expect(response.headers.get('content-type')).toBe(part === '' ? 'image/jpeg' : 'image/webp')
        expect(response.headers.get('content-disposition')).toMatch(
          /^inline; .*filename\*=UTF-8''Gr%C3%BC%C3%9Fe/,
        )
        const shown = await sharp(bytes).metadata()
        expect(shown.exif).toBeUndefined()
        expect(shown.height).toBe(part === '' ? 640 : 300)
      }
    },
  )

  onS3('answers with unavailable while the store is away', async ({ config, issuer }) => {
    const endpoint = `http://127.0.0.1:${await findFreePort()}`
    const keys = { accessKeyId: 'key', secretAccessKey: 'secret', region: 'us-east-1', bucket: 'media' }
    const storage = {
      driver: 's3' as const,
      endpoint,
      publicEndpoint: endpoint,
      forcePathStyle: true,
      ...keys,
    }
    await using service = await startMedia({ ...config, storage })
    const token = await issuer.sign({ userId: 'bob' })
    const ids = { userId: 'bob', sessionId: '' }
    const bob = createClient({ url: service.url, publicUrl: service.url, token, ...ids })
    const { body: ticket } = await bob.begin('text/plain', 5)
    const answer = await bob.complete(ticket.mediaId)
    expect(answer.status).toBe(503)
    expect(answer.body.error).toMatchObject({ code: 'unavailable', retryable: true })
    expect((await fetch(`${service.internalUrl}/readyz`)).status).toBe(200)
  })
})

/** The same link with its last letter changed, and with another object or end in it. */
function* alterations(url: string): Generator<string> {
  yield url.slice(0, -1) + (url.endsWith('A') || url.endsWith('0') ? '1' : '0')
  const changed = new URL(url)
  const link = changed.searchParams.get('link')
  if (link) {
    const [text = '', signature] = link.split('.')
    const terms = JSON.parse(Buffer.from(text, 'base64url').toString()) as { expires: number }
    const longer = Buffer.from(JSON.stringify({ ...terms, expires: terms.expires + 600 })).toString(
      'base64url',
    )
    changed.searchParams.set('link', `${longer}.${signature}`)
    yield changed.href
    changed.searchParams.set('link', 'nonsense')
    yield changed.href
    return
  }
  changed.searchParams.set('X-Amz-Expires', '604800')
  yield changed.href
}
