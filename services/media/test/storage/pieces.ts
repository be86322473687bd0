import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { Upload } from '@tus/server'
import { expect } from 'vitest'
import { newKey, type PartLinks, type Storage } from '../../src/storage/storage.ts'
import type { StorageTest } from './drivers.ts'

// Stores take no part but the last of less than 5 MB.
const partSizeBytes = 5 * 1024 ** 2
const bytes = randomBytes(2 * partSizeBytes + 1_000)
const terms = { sizeBytes: bytes.length, partSizeBytes, ttlSeconds: 60 }

const putPart = ({ headers, parts }: PartLinks, index: number, body: Buffer) =>
  fetch(parts[index]?.url ?? '', { method: 'PUT', headers, body: new Uint8Array(body) })

const partOf = (index: number) => bytes.subarray(index * partSizeBytes, (index + 1) * partSizeBytes)

async function read(storage: Storage, key: string, directory: string): Promise<Buffer> {
  const file = path.join(directory, randomUUID())
  expect(await storage.fetchFile(key, file)).toBe(true)
  return readFile(file)
}

export function testPieces(test: StorageTest): void {
  test('an object is made of its parts when all are there, in whatever order they came', async ({
    storage,
    directory,
  }) => {
    const key = newKey('parts')
    const links = await storage.partLinks(key, terms)
    expect(links.parts.map(({ sizeBytes }) => sizeBytes)).toEqual([partSizeBytes, partSizeBytes, 1_000])
    for (const index of [2, 0]) expect((await putPart(links, index, partOf(index))).status).toBe(200)
    expect(await storage.assemble(key, terms)).toBe(false)
    expect(await storage.peek(key, 1)).toBeUndefined()
    expect((await putPart(links, 1, partOf(1))).status).toBe(200)
    expect(await Promise.all([1, 2, 3].map(() => storage.assemble(key, terms)))).toEqual([true, true, true])
    expect(await storage.assemble(key, terms)).toBe(true)
    expect((await read(storage, key, directory)).equals(bytes)).toBe(true)
  })

  test('a part of another length is refused', async ({ storage }) => {
    const links = await storage.partLinks(newKey('parts'), terms)
    for (const body of [partOf(2).subarray(1), Buffer.concat([partOf(2), partOf(2)])]) {
      const { status } = await putPart(links, 2, body)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
    }
  })

  test('parts that never became an object are removed with its key', async ({ storage }) => {
    const key = newKey('parts')
    const links = await storage.partLinks(key, terms)
    await putPart(links, 2, partOf(2))
    await storage.remove([key])
    for (const index of [0, 1]) await putPart(links, index, partOf(index))
    await storage.assemble(key, terms)
    expect(await storage.peek(key, 1)).toBeUndefined()
    await storage.remove([key])
  })

  test('bytes that come by and by are an object once it is finished, not before', async ({
    storage,
    directory,
  }) => {
    const key = newKey('tus')
    const gather = () => storage.resumable(60)
    await gather().create(new Upload({ id: key, size: bytes.length, offset: 0 }))
    const first = await gather().write(Readable.from([bytes.subarray(0, 100_000)]), key, 0)
    expect(first).toBe(100_000)
    expect(await storage.peek(key, 1)).toBeUndefined()
    // As another process finds it.
    expect((await gather().getUpload(key)).offset).toBe(100_000)
    await gather().write(Readable.from([bytes.subarray(100_000)]), key, 100_000)
    await Promise.all([1, 2, 3].map(() => storage.finishResumable(key, bytes.length)))
    await storage.finishResumable(key, bytes.length)
    expect((await read(storage, key, directory)).equals(bytes)).toBe(true)
  })

  test('bytes that came by and by and never ended are removed with their key', async ({ storage }) => {
    const key = newKey('tus')
    await storage.resumable(60).create(new Upload({ id: key, size: bytes.length, offset: 0 }))
    await storage.resumable(60).write(Readable.from([bytes.subarray(0, 6_000_000)]), key, 0)
    await storage.remove([key])
    await expect(storage.resumable(60).getUpload(key)).rejects.toMatchObject({ status_code: 404 })
  })
}
