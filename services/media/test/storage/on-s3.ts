import { findFreePort } from '@parley/testing/free-port'
import sharp from 'sharp'
import { expect } from 'vitest'
import { startMedia } from '../../src/service.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import { newKey } from '../../src/storage/storage.ts'
import { createClient } from '../client.ts'
import { phonePhoto } from '../images.ts'
import { jpeg, onS3, put, shown } from './drivers.ts'

/** What an app meets that talks to the service and to an S3 store. */
export function testServiceOnS3(): void {
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
        const seen = await sharp(bytes).metadata()
        expect(seen.exif).toBeUndefined()
        expect(seen.height).toBe(part === '' ? 640 : 300)
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
      enforcesPostPolicy: false,
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

  onS3(
    'P8 a store that is silent while it copies, or puts parts together, is waited for longer than one that is away',
    async ({ s3, storage, proxy, directory }) => {
      const patience = { silentMs: 400, copySilentMs: 20_000 }
      await using through = openS3Storage({ ...s3, endpoint: proxy.endpoint }, patience)
      const [from, to, joined] = [
        await put(storage, directory, Buffer.from('hello')),
        newKey('media'),
        newKey('parts'),
      ]
      const terms = { sizeBytes: 5, partSizeBytes: 5, ttlSeconds: 60 }
      const [link] = (await storage.partLinks(joined, terms)).parts
      expect((await fetch(link?.url ?? '', { method: 'PUT', body: 'hello' })).status).toBe(200)

      proxy.fault = { kind: 'slow', when: ({ headers }) => headers['x-amz-copy-source'] !== undefined }
      expect(await through.copy(from, to)).toBe(true)
      proxy.fault = { kind: 'slow', when: ({ method }) => method === 'POST' }
      expect(await through.assemble(joined, terms)).toBe(true)
      expect(proxy.befell).toBe(2)
      for (const key of [to, joined]) expect((await storage.peek(key, 5))?.start.toString()).toBe('hello')
    },
  )

  onS3('a posted form stores what it was made for and refuses all else', async ({ storage }) => {
    const { formLink } = storage
    if (!formLink) throw new Error('forms are asked for')
    const post = async (key: string, body: string, changes: Record<string, string> = {}) => {
      const { url, fields } = await formLink(key, { ...jpeg, sizeBytes: 5 })
      const form = new FormData()
      for (const [name, value] of Object.entries({ ...fields, ...changes })) form.append(name, value)
      form.append('file', new Blob([body]))
      return (await fetch(url, { method: 'POST', body: form })).status
    }
    const [key, other] = [newKey('incoming'), newKey('incoming')]
    expect(await post(key, 'hello!')).toBeGreaterThanOrEqual(400)
    expect(await post(key, 'hell')).toBeGreaterThanOrEqual(400)
    expect(await post(key, 'hello', { 'Content-Type': 'text/html' })).toBeGreaterThanOrEqual(400)
    expect(await post(key, 'hello', { key: other })).toBeGreaterThanOrEqual(400)
    for (const none of [key, other]) expect(await storage.peek(none, 1)).toBeUndefined()
    expect(await post(key, 'hello')).toBeLessThan(300)
    expect((await storage.peek(key, 5))?.start.toString()).toBe('hello')
  })

  onS3(
    'is reached by the bucket in the host’s name where the operator says so, and signs no checksum',
    async () => {
      const endpoint = 'https://store.example'
      const storage = openS3Storage({
        endpoint,
        publicEndpoint: endpoint,
        region: 'eu-central-1',
        bucket: 'media',
        accessKeyId: 'key',
        secretAccessKey: 'secret',
        forcePathStyle: false,
        enforcesPostPolicy: false,
      })
      const key = newKey('incoming')
      const put = new URL((await storage.uploadLink(key, { ...jpeg, sizeBytes: 5 })).url)
      const get = new URL(await storage.downloadLink(key, shown))
      for (const { host, pathname } of [put, get])
        expect([host, pathname]).toEqual(['media.store.example', `/${key}`])
      // The checksum the SDK would add is that of no bytes, and AWS refuses every upload with it.
      expect([...put.searchParams.keys()].join()).not.toMatch(/checksum/i)
      await storage[Symbol.asyncDispose]()
    },
  )
}
