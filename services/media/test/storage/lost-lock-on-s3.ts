import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { openS3Storage } from '../../src/storage/s3.ts'
import type { onS3 } from './drivers.ts'
import { begin, bytes, isPart, mega, pieces } from './gathered.ts'

/** Two requests write to one upload, because the lock of the first was lost. */
export function testLostLockOnS3(test: typeof onS3): void {
  test.for([
    { what: 'holds a rest', later: 0, next: 10 * mega },
    { what: 'has a part to put', later: 6 * mega, next: 6 * mega },
  ])(
    'P8 of two requests that write to one upload, the first, which lost its lock and $what, changes nothing any more',
    async ({ later, next }, { storage, directory }) => {
      const store = storage.resumable(60)
      const key = await begin(store, bytes.length)
      const from = 8 * mega
      expect(await store.write(Readable.from(pieces(bytes.subarray(0, from))), key, 0)).toBe(from)
      const [began, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      async function* stalled(): AsyncGenerator<Buffer> {
        yield bytes.subarray(from, from + 3 * mega)
        began.resolve()
        await goesOn.promise
        yield bytes.subarray(from + 3 * mega, from + 3 * mega + later)
      }
      const first = store.write(Readable.from(stalled()), key, from)
      await began.promise
      const stands = from + next
      expect(await store.write(Readable.from(pieces(bytes.subarray(from, stands))), key, from)).toBe(stands)
      goesOn.resolve()
      await expect(first).rejects.toMatchObject({ code: 'conflict' })

      expect((await store.getUpload(key)).offset).toBe(stands)
      expect(await store.write(Readable.from(pieces(bytes.subarray(stands))), key, stands)).toBe(bytes.length)
      const file = path.join(directory, randomUUID())
      expect(await storage.fetchFile(key, file)).toBe(true)
      expect((await readFile(file)).equals(bytes)).toBe(true)
    },
  )

  test('P8 a rest that is put while another request puts the part that belongs there does not count', async ({
    s3,
    storage,
    proxy,
    directory,
  }) => {
    await using slowly = openS3Storage({ ...s3, endpoint: proxy.endpoint })
    const [store, other] = [storage.resumable(60), slowly.resumable(60)]
    const key = await begin(store, bytes.length)
    const [from, stands] = [8 * mega, 16 * mega]
    expect(await store.write(Readable.from(pieces(bytes.subarray(0, from))), key, 0)).toBe(from)
    const [began, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    async function* stalled(): AsyncGenerator<Buffer> {
      yield bytes.subarray(from, from + 3 * mega)
      began.resolve()
      await goesOn.promise
    }
    const first = store.write(Readable.from(stalled()), key, from)
    await began.promise
    const when = (request: IncomingMessage) => isPart(2)(request) && (goesOn.resolve(), true)
    proxy.fault = { kind: 'slow', when, times: 1 }
    const next = Readable.from(pieces(bytes.subarray(from, stands)))
    expect(await other.write(next, key, from)).toBe(stands)
    expect(proxy.befell).toBe(1)
    await Promise.allSettled([first])

    expect((await store.getUpload(key)).offset).toBe(stands)
    expect(await store.write(Readable.from(pieces(bytes.subarray(stands))), key, stands)).toBe(bytes.length)
    const file = path.join(directory, randomUUID())
    expect(await storage.fetchFile(key, file)).toBe(true)
    expect((await readFile(file)).equals(bytes)).toBe(true)
  })

  test('bytes that would not begin where an upload stands are refused', async ({ storage }) => {
    const store = storage.resumable(60)
    const key = await begin(store, 10)
    expect(await store.write(Readable.from([Buffer.from('hello')]), key, 0)).toBe(5)
    for (const offset of [0, 3, 6]) {
      const written = store.write(Readable.from([Buffer.from('o')]), key, offset)
      await expect(written).rejects.toMatchObject({ code: 'conflict' })
    }
    await expect(storage.finishResumable(key, 10)).rejects.toMatchObject({ code: 'conflict' })
    expect((await store.getUpload(key)).offset).toBe(5)
  })
}
