import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import { ListMultipartUploadsCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { MediaId } from '@parley/shared/ids'
import type { StoreFault } from '@parley/testing/s3-fault-proxy'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { findMedia } from '../../src/media/store.ts'
import { openS3Client } from '../../src/storage/s3-client.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import type { onS3 } from './drivers.ts'
import { begin, bytes, isPart, mega, pieces } from './gathered.ts'

const isTail = ({ method, url }: IncomingMessage) => method === 'PUT' && (url ?? '').includes('.part?')

/** What one client or one failure of the store does to an upload that is gathered there, and not to others. */
export function testResumableOnS3(test: typeof onS3): void {
  test.for<StoreFault>(['silent', '503', 'reset', 'down'])(
    'P8 an upload one of whose parts met a store that was %s goes on behind what is there, and is whole',
    async (kind, { s3, proxy, directory }) => {
      const patience = { silentMs: 2_000, copySilentMs: 20_000 }
      await using storage = openS3Storage({ ...s3, endpoint: proxy.endpoint }, patience)
      const store = storage.resumable(60)
      const key = await begin(store, bytes.length)
      // As often as it is tried.
      proxy.fault = { kind, when: isPart(2), times: 3 }
      await expect(store.write(Readable.from(pieces(bytes)), key, 0)).rejects.toBeInstanceOf(Error)
      expect(proxy.befell).toBe(3)
      const { offset } = await store.getUpload(key)
      expect(await store.write(Readable.from(pieces(bytes.subarray(offset))), key, offset)).toBe(bytes.length)
      const file = path.join(directory, randomUUID())
      expect(await storage.fetchFile(key, file)).toBe(true)
      expect((await readFile(file)).equals(bytes)).toBe(true)
    },
  )

  test.for([
    { what: 'a part', when: isPart(2), more: 6 * mega },
    { what: 'a rest', when: isTail, more: 1_000 },
  ])(
    'P8 of an upload nothing is lost when $what meets a connection that breaks, and is sent again',
    async ({ when, more }, { s3, proxy }) => {
      await using storage = openS3Storage({ ...s3, endpoint: proxy.endpoint })
      const store = storage.resumable(60)
      const key = await begin(store, bytes.length)
      const there = 9 * mega
      expect(await store.write(Readable.from(pieces(bytes.subarray(0, there))), key, 0)).toBe(there)
      proxy.fault = { kind: 'reset', when, times: 2 }
      const next = bytes.subarray(there, there + more)
      expect(await store.write(Readable.from(pieces(next)), key, there)).toBe(there + more)
      expect(proxy.befell).toBe(2)
      expect((await store.getUpload(key)).offset).toBe(there + more)
    },
  )

  test('an upload with a hole between its parts is none, so that its client begins anew', async ({
    s3,
    storage,
  }) => {
    const store = storage.resumable(60)
    const size = 10 * mega
    const key = await begin(store, size)
    const client = openS3Client(s3)
    const place = { Bucket: s3.bucket, Key: key }
    const open = await client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix: key }))
    const UploadId = open.Uploads?.[0]?.UploadId
    for (const PartNumber of [1, 3]) {
      const Body = bytes.subarray(0, 5 * mega)
      await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber, Body }))
    }
    client.destroy()
    await expect(store.getUpload(key)).rejects.toMatchObject({ code: 'not_found' })
    const written = store.write(Readable.from([bytes.subarray(0, 1_000)]), key, size)
    await expect(written).rejects.toMatchObject({ code: 'not_found' })
    await expect(storage.finishResumable(key, size)).rejects.toMatchObject({ code: 'not_found' })
    expect(await storage.peek(key, 1)).toBeUndefined()
  })

  test('P8 an upload goes on beside any number of others whose bytes do not come', async ({ storage }) => {
    const store = storage.resumable(60)
    const slow = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const key = await begin(store, bytes.length)
        const sent = new Readable({ read() {} })
        sent.push(bytes.subarray(0, 1_000))
        return { sent, written: store.write(sent, key, 0) }
      }),
    )
    const key = await begin(store, 5)
    expect(await store.write(Readable.from([Buffer.from('hello')]), key, 0)).toBe(5)
    for (const { sent } of slow) sent.push(null)
    for (const { written } of slow) expect(await written).toBe(1_000)
  })

  test('an upload that is given up while its bytes come leaves none of them behind', async ({
    storage,
    proxy,
    throughProxy,
  }) => {
    const { service, ann } = await throughProxy()
    const { db } = service.ctx
    const asked: string[] = []
    proxy.fault = {
      kind: 'down',
      when: ({ method, url }) => asked.push(`${method} ${url?.split('?')[0]}`) < 0,
    }
    const headers = { authorization: `Bearer ${ann.token}`, 'tus-resumable': '1.0.0' }
    const endpoint = `${service.url}/v1/media/tus`
    const created = await fetch(endpoint, {
      method: 'POST',
      headers: { ...headers, 'upload-length': '10' },
    })
    const mediaId = created.headers.get('location')?.split('/').at(-1) as MediaId
    const key = (await findMedia(db, mediaId))?.incomingKey ?? ''
    const tail = `${key}.part`
    const sending = request(`${endpoint}/${mediaId}`, {
      method: 'PATCH',
      headers: {
        ...headers,
        'upload-offset': 0,
        'content-length': 10,
        'content-type': 'application/offset+octet-stream',
      },
    })
    sending.on('error', () => {}).write('hello')
    await expect.poll(() => asked.some((line) => line.startsWith('GET') && line.endsWith(tail))).toBe(true)
    expect((await fetch(`${endpoint}/${mediaId}`, { method: 'DELETE', headers })).status).toBe(204)
    const due = () => sql`select 1 from doomed_object where due_at <= now()`.execute(db)
    await expect.poll(async () => (await due()).rows).toEqual([])

    sending.destroy()
    await expect.poll(async () => (await storage.peek(tail, 5))?.start.toString()).toBe('hello')
    await sql`update doomed_object set due_at = now()`.execute(db)
    await expect.poll(() => storage.peek(tail, 1)).toBeUndefined()
  })
}
