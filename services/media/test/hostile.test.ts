import { createLogger } from '@parley/shared/log'
import sharp, { type Sharp } from 'sharp'
import { describe, expect } from 'vitest'
import { openFsStorage } from '../src/storage/fs.ts'
import { test } from './fixture.ts'
import { halves, plainPng } from './images.ts'

const note = 'where and how it was made'
const page = '<!doctype html><script>alert(document.domain)</script>'

/** With the note in each place where cameras and programs leave such. */
const told = (image: Sharp) =>
  image
    .withExif({
      IFD0: { Make: note, ImageDescription: note },
      IFD2: { UserComment: note },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 12/1' },
    })
    .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/">${note}</x:xmpmeta>`)

/** A segment of an application, as maker notes outside of Exif are, and a comment (ITU T.81, B.2.4.5). */
function withSegments(jpeg: Buffer): Buffer {
  const segment = (marker: number) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(note.length + 2)
    return Buffer.concat([Buffer.from([0xff, marker]), length, Buffer.from(note)])
  }
  return Buffer.concat([jpeg.subarray(0, 2), segment(0xe9), segment(0xfe), jpeg.subarray(2)])
}

const formats = {
  'image/jpeg': async () => withSegments(await told(halves(1_400, 700)).jpeg().toBuffer()),
  'image/png': () => told(halves(1_400, 700)).png().toBuffer(),
  'image/webp': () => told(halves(1_400, 700)).webp().toBuffer(),
}
const types = ['image/jpeg', 'image/png', 'image/webp'] as const

describe('P8 what a picture tells beside the picture', () => {
  test.for(types)('is in nothing that is given out of a %s', async (type, { signIn }) => {
    const bytes = await formats[type]()
    expect(bytes.includes(note)).toBe(true)
    const ann = await signIn()
    const media = await ann.ready(type, bytes)
    expect(media).toMatchObject({ status: 'ready', width: 1_400 })
    for (const part of ['', '/thumbnail', '/preview'] as const) {
      for (const accept of ['image/avif', 'image/webp', 'image/jpeg']) {
        const { bytes: given } = await ann.download(media.mediaId, part, { accept })
        const { exif, xmp, iptc, comments } = await sharp(given).metadata()
        expect({ part, exif, xmp, iptc, comments }).toEqual({ part })
        expect(given.includes(note)).toBe(false)
      }
    }
  })
})

describe('P8 a file that is two things at once', () => {
  test.for([...types, 'image/gif'] as const)(
    'a %s with a web page behind it is given out without the page, or not at all',
    async (type, { signIn }) => {
      const picture = await halves(40, 20)
        .toFormat(
          type === 'image/jpeg'
            ? 'jpeg'
            : type === 'image/png'
              ? 'png'
              : type === 'image/gif'
                ? 'gif'
                : 'webp',
        )
        .toBuffer()
      const ann = await signIn()
      const media = await ann.ready(type, Buffer.concat([picture, Buffer.from(page)]))
      if (media.status === 'failed') return expect(media.failure).toBe('unreadable')
      for (const part of ['', '/thumbnail'] as const) {
        const { response, bytes } = await ann.download(media.mediaId, part)
        expect(bytes.includes('<script')).toBe(false)
        expect(response.headers.get('content-type')).toMatch(/^image\//)
        expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      }
    },
  )

  test('a web page that begins like a picture is a broken picture', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('image/gif', Buffer.from(`GIF89a/*${page}*/`))
    expect(media).toMatchObject({ status: 'failed', failure: 'unreadable' })
  })
})

describe('P10 a small file that would be a large picture', () => {
  test.for([
    {
      what: 'one pixel row over 50 megapixels',
      type: 'image/png',
      bytes: () =>
        sharp({ create: { width: 10_000, height: 5_001, channels: 3, background: '#000000' } })
          .png({ palette: true, colours: 2 })
          .toBuffer(),
    },
    {
      what: 'of one row, one pixel over 100,000',
      type: 'image/png',
      bytes: () => plainPng(100_001, 1),
    },
    {
      what: 'in AVIF, wider than the WebP it would become',
      type: 'image/avif',
      bytes: () => halves(16_384, 16).avif({ effort: 0 }).toBuffer(),
    },
    {
      what: 'of 1,001 frames',
      type: 'image/gif',
      bytes: () =>
        sharp(Buffer.from(Array.from({ length: 1_001 * 12 }, (_, i) => (Math.floor(i / 12) * 37) % 256)), {
          raw: { width: 2, height: 2 * 1_001, channels: 3, pageHeight: 2 },
        })
          .gif()
          .toBuffer(),
    },
  ])('$what is refused', async ({ type, bytes }, { signIn }) => {
    const ann = await signIn()
    const media = await ann.ready(type, await bytes())
    expect(media).toMatchObject({ status: 'failed', failure: 'too_many_pixels' })
  })
})

describe('what a client says of what it stored', () => {
  test('is not asked for: size, type and ETag in a completion change nothing', async ({ signIn }) => {
    const ann = await signIn()
    const { body: ticket } = await ann.begin('text/plain', 5)
    await ann.put(ticket, 'hello')
    const lies = { etag: '"0"', sizeBytes: 1, contentType: 'text/html', objectKey: '../../etc/passwd' }
    const { body } = await ann.ask('POST', `/v1/media/uploads/${ticket.mediaId}/complete`, lies)
    expect(body).toMatchObject({ status: 'ready', sizeBytes: 5, contentType: 'application/octet-stream' })
  })

  test('a link to one object does not open another, whatever is said of what is held', async ({ signIn }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const own = await ann.upload('text/plain', Buffer.from('own'))
    const foreign = await bob.upload('text/plain', Buffer.from('foreign'))
    const { response } = await bob.download(foreign.body.mediaId)
    const etag = response.headers.get('etag') ?? ''
    // With an ETag of another object the whole is sent, and the right one.
    const { bytes } = await ann.download(own.body.mediaId, '', {
      'if-none-match': etag,
      'if-range': etag,
      range: 'bytes=1-',
    })
    expect(bytes.toString()).toBe('own')
  })
})

test.for([
  '../secret',
  'media/../../secret',
  '/etc/passwd',
  'media/2026-11/a\0b',
  'media\\..\\secret',
  '',
  '.tmp/x',
])('the key %j is no place in the storage', async (key, { config }) => {
  if (config.storage.driver !== 'fs') throw new Error('the fixture stores files')
  const storage = await openFsStorage(config.storage, createLogger('media', { level: 'silent' }))
  await expect(storage.peek(key, 1)).rejects.toThrow('not an object key')
  await expect(storage.remove([key])).rejects.toThrow('not an object key')
  await expect(storage.copy(key, 'media/2026-11/x')).rejects.toThrow('not an object key')
})
