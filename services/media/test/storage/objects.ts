import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'vitest'
import { newKey } from '../../src/storage/storage.ts'
import { jpeg, put, shown, type StorageTest } from './drivers.ts'

export function testObjects(test: StorageTest): void {
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

  test('an object is looked at from its beginning, or from a place within it', async ({
    storage,
    directory,
  }) => {
    const key = await put(storage, directory, Buffer.from('hello world'))
    expect(await storage.peek(key, 5)).toEqual({ sizeBytes: 11, start: Buffer.from('hello') })
    expect(await storage.peek(key, 100, 6)).toEqual({ sizeBytes: 11, start: Buffer.from('world') })
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

  test('a copy whose source is removed meanwhile is whole or none, and no failure', async ({
    storage,
    directory,
  }) => {
    for (let round = 0; round < 20; round++) {
      const from = await put(storage, directory, Buffer.from('hello'))
      const targets = Array.from({ length: 8 }, () => newKey('media'))
      const [, ...copied] = await Promise.all([
        storage.remove([from]),
        ...targets.map((to) => storage.copy(from, to)),
      ])
      for (const [i, to] of targets.entries()) {
        expect((await storage.peek(to, 5))?.start.toString()).toBe(copied[i] ? 'hello' : undefined)
      }
    }
  })
}
