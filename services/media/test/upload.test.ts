import sharp from 'sharp'
import { describe, expect } from 'vitest'
import { test } from './fixture.ts'
import { animation, halves, phonePhoto, plainPng } from './images.ts'

describe('the life of an image', () => {
  test('A5.3 a photo is taken in, made fit to show and given back upright, without the place it was taken at', async ({
    signIn,
  }) => {
    const ann = await signIn()
    const photo = await phonePhoto(640, 480)
    const original = await sharp(photo).metadata()
    expect(original.orientation).toBe(6)
    expect(original.exif?.includes(gpsTag)).toBe(true)

    const begun = await ann.begin('image/jpeg', photo.length, 'beach.jpg')
    expect(begun.status).toBe(201)
    expect(begun.body.upload.method).toBe('PUT')
    expect(Date.parse(begun.body.expiresAt)).toBeGreaterThan(Date.now())
    expect((await ann.put(begun.body, photo)).status).toBe(200)
    const completed = await ann.complete(begun.body.mediaId)
    expect(completed.status).toBe(200)
    expect(completed.body).toMatchObject({
      mediaId: begun.body.mediaId,
      contentType: 'image/jpeg',
      sizeBytes: photo.length,
      fileName: 'beach.jpg',
    })

    const media = await ann.settled(begun.body.mediaId)
    expect(media).toMatchObject({
      status: 'ready',
      width: 480,
      height: 640,
      thumbnail: { width: 225, height: 300 },
    })
    expect(Buffer.from(media.thumbhash ?? '', 'base64').length).toBeGreaterThan(10)

    for (const part of ['', '/thumbnail'] as const) {
      const { response, bytes } = await ann.download(media.mediaId, part)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe(part === '' ? 'image/jpeg' : 'image/webp')
      const shown = await sharp(bytes).metadata()
      expect(shown).toMatchObject(part === '' ? { width: 480, height: 640 } : (media.thumbnail ?? {}))
      expect(shown.orientation ?? 1).toBe(1)
      expect(shown.exif).toBeUndefined()
      expect(shown.xmp).toBeUndefined()
      // Turned clockwise, what was on the left is on top.
      expect(await colourAt(bytes, 0.5, 0.25)).toBe('red')
      expect(await colourAt(bytes, 0.5, 0.75)).toBe('blue')
      if (part === '') expect(bytes.length).toBe(media.sizeBytes)
    }
  })

  test.for(['png', 'webp', 'gif'] as const)(
    'a %s keeps its format and its size',
    async (format, { signIn }) => {
      const ann = await signIn()
      const bytes = await halves(400, 200).toFormat(format).toBuffer()
      const media = await ann.ready(`image/${format}`, bytes)
      expect(media).toMatchObject({
        status: 'ready',
        contentType: `image/${format}`,
        width: 400,
        height: 200,
        thumbnail: { width: 300, height: 150 },
      })
      const { bytes: shown } = await ann.download(media.mediaId)
      expect((await sharp(shown).metadata()).format).toBe(format)
    },
  )

  test('an AVIF is shown as WebP and named so', async ({ signIn }) => {
    const ann = await signIn()
    const bytes = await halves(64, 48).avif({ effort: 0 }).toBuffer()
    const media = await ann.ready('image/avif', bytes, 'sea.avif')
    expect(media).toMatchObject({
      status: 'ready',
      contentType: 'image/webp',
      fileName: 'sea.webp',
      width: 64,
    })
  })

  test.for(['gif', 'webp'] as const)(
    'an animated %s goes on moving, its thumbnail does not',
    async (format, { signIn }) => {
      const ann = await signIn()
      const media = await ann.ready(`image/${format}`, await animation(format, 3))
      expect(media).toMatchObject({ status: 'ready', width: 60, height: 40 })
      const { bytes } = await ann.download(media.mediaId)
      expect((await sharp(bytes).metadata()).pages).toBe(3)
      const thumbnail = await ann.download(media.mediaId, '/thumbnail')
      expect((await sharp(thumbnail.bytes).metadata()).pages ?? 1).toBe(1)
    },
  )

  test('a small image is not made larger', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('image/png', await plainPng(40, 30))
    expect(media).toMatchObject({ width: 40, height: 30, thumbnail: { width: 40, height: 30 } })
  })
})

describe('completing', () => {
  test('gives the same answer when it is done again, also at once', async ({ signIn }) => {
    const ann = await signIn()
    const bytes = await plainPng()
    const { body: ticket } = await ann.begin('image/png', bytes.length)
    await ann.put(ticket, bytes)
    const answers = await Promise.all([1, 2, 3].map(() => ann.complete(ticket.mediaId)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const ready = await ann.settled(ticket.mediaId)
    expect((await ann.complete(ticket.mediaId)).body).toEqual(ready)
    expect(ready.status).toBe('ready')
  })

  test('is refused before the bytes have arrived, and done once they have', async ({ signIn }) => {
    const ann = await signIn()
    const { body: ticket } = await ann.begin('application/pdf', 9)
    const early = await ann.complete(ticket.mediaId)
    expect(early.status).toBe(409)
    expect(early.body.error?.code).toBe('conflict')
    await ann.put(ticket, '%PDF-1.7\n')
    expect((await ann.complete(ticket.mediaId)).body).toMatchObject({
      status: 'ready',
      contentType: 'application/pdf',
    })
  })

  test('takes the bytes out of reach of their upload link', async ({ signIn }) => {
    const ann = await signIn()
    const { ticket, body } = await ann.upload('text/plain', Buffer.from('first'))
    expect(body.status).toBe('ready')
    // The link itself still holds, as one of an object store would.
    expect((await ann.put(ticket, 'other')).status).toBe(200)
    expect((await ann.complete(ticket.mediaId)).body).toEqual(body)
    expect((await ann.download(ticket.mediaId)).bytes.toString()).toBe('first')
  })

  test("of somebody else's upload is answered like that of none", async ({ signIn }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const { body: ticket } = await ann.begin('text/plain', 5)
    await ann.put(ticket, 'hello')
    const foreign = await bob.complete(ticket.mediaId)
    const unknown = await bob.complete('018f0000-0000-7000-8000-000000000000')
    expect(foreign.status).toBe(404)
    expect(foreign.body).toEqual(unknown.body)
    expect((await ann.complete(ticket.mediaId)).body.status).toBe('ready')
  })
})

describe('a name', () => {
  test.for([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\ann\\report.pdf', 'report.pdf'],
    ['..', 'file'],
    ['a\r\nset-cookie: x=1.txt', 'aset-cookie: x=1.txt'],
    ['photo\u202Egpj.exe', 'photogpj.exe'],
    ['Grüße "1".txt', 'Grüße "1".txt'],
    [`${'ö'.repeat(300)}.txt`, `${'ö'.repeat(125)}.txt`],
  ] as const)('%j is shown and saved as %j', async ([given, shown], { signIn }) => {
    const ann = await signIn()
    const { body } = await ann.upload('text/plain', Buffer.from('hello'), given)
    expect(body.fileName).toBe(shown)
    const { response } = await ann.download(body.mediaId)
    const disposition = response.headers.get('content-disposition') ?? ''
    const [, encoded = ''] = /filename\*=UTF-8''(\S+)$/.exec(disposition) ?? []
    expect(decodeURIComponent(encoded)).toBe(shown)
    expect(disposition).toMatch(/^attachment; filename="[^"\\]*"; filename\*=/)
  })
})

/** The tag of the GPS block (Exif 2.32, 4.6.3), least significant byte first. */
const gpsTag = Buffer.from([0x25, 0x88])

async function colourAt(image: Buffer, x: number, y: number): Promise<'red' | 'blue' | 'neither'> {
  const { data, info } = await sharp(image).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const at = (Math.floor(info.height * y) * info.width + Math.floor(info.width * x)) * info.channels
  const [red = 0, , blue = 0] = data.subarray(at, at + 3)
  if (red > 200 && blue < 60) return 'red'
  return blue > 200 && red < 60 ? 'blue' : 'neither'
}
