import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { newKey } from '../../src/storage/storage.ts'
import { alterations } from './alterations.ts'
import { jpeg, put, shown, type StorageTest } from './drivers.ts'

export function testUploadLinks(test: StorageTest): void {
  test('an upload link stores the bytes that are put to it', async ({ storage }) => {
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
}
