import { expect } from 'vitest'
import { put, shown, type StorageTest } from './drivers.ts'

export function testDownloadLinks(test: StorageTest): void {
  test('a link that has ended is refused', async ({ storage, directory }) => {
    const key = await put(storage, directory, Buffer.from('hello'))
    const url = await storage.downloadLink(key, { ...shown, ttlSeconds: 1 })
    await expect.poll(async () => (await fetch(url)).status, { interval: 200 }).toBe(403)
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
}
