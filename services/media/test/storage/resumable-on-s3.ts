import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { MediaId } from '@parley/shared/ids'
import type { StoreFault } from '@parley/testing/s3-fault-proxy'
import { type DataStore, Upload } from '@tus/server'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { findMedia } from '../../src/media/store.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import { newKey } from '../../src/storage/storage.ts'
import type { onS3 } from './drivers.ts'

/** Three parts of the store and a rest. */
const bytes = randomBytes(26_000_000)

async function begin(store: DataStore, size: number): Promise<string> {
  const key = newKey('tus')
  await store.create(new Upload({ id: key, size, offset: 0 }))
  return key
}

const isPart =
  (number: number) =>
  ({ method, url }: IncomingMessage) =>
    method === 'PUT' && new RegExp(`[?&]partNumber=${number}&`).test(url ?? '')

/** What one client or one failure of the store does to an upload that is gathered there, and not to others. */
export function testResumableOnS3(test: typeof onS3): void {
  test.for<StoreFault>(['silent', '503', 'reset', 'down'])(
    'P8 an upload one of whose parts met a store that was %s goes on behind what is there, and is whole',
    { timeout: 120_000 },
    async (kind, { s3, proxy, directory }) => {
      const patience = { silentMs: 2_000, copySilentMs: 20_000 }
      await using storage = openS3Storage({ ...s3, endpoint: proxy.endpoint }, patience)
      const store = storage.resumable(60)
      const key = await begin(store, bytes.length)
      proxy.fault = { kind, when: isPart(2), times: 1 }
      await expect(store.write(Readable.from(pieces(bytes)), key, 0)).rejects.toBeInstanceOf(Error)
      expect(proxy.befell).toBe(1)
      const { offset } = await store.getUpload(key)
      expect(await store.write(Readable.from(pieces(bytes.subarray(offset))), key, offset)).toBe(bytes.length)
      const file = path.join(directory, randomUUID())
      expect(await storage.fetchFile(key, file)).toBe(true)
      expect((await readFile(file)).equals(bytes)).toBe(true)
    },
  )

  test(
    'P8 an upload goes on beside any number of others whose bytes do not come',
    { timeout: 120_000 },
    async ({ storage }) => {
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
    },
  )

  test(
    'an upload that is given up while its bytes come leaves none of them behind',
    { timeout: 120_000 },
    async ({ storage, proxy, throughProxy }) => {
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
    },
  )
}

/** As a socket brings them. */
function* pieces(all: Buffer): Generator<Buffer> {
  for (let at = 0; at < all.length; at += 65_536) yield all.subarray(at, at + 65_536)
}
