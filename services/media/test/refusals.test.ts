import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import type { MediaId } from '@parley/shared/ids'
import { sql } from 'kysely'
import { describe, expect } from 'vitest'
import { findMedia } from '../src/media/store.ts'
import { startMedia } from '../src/service.ts'
import { ticketRate } from '../src/uploads/open-ticket.ts'
import { createClient } from './client.ts'
import { test } from './fixture.ts'
import { bombPng, phonePhoto, plainPng } from './images.ts'

const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.domain)</script></svg>'
const html = '<!doctype html><script>alert(document.domain)</script>'

describe('a ticket', () => {
  test.for([
    {
      what: 'more bytes than allowed',
      body: { sizeBytes: 8 * 1024 ** 2 + 1 },
      status: 413,
      code: 'too_large',
    },
    { what: 'no bytes', body: { sizeBytes: 0 }, status: 400, code: 'invalid_request' },
    { what: 'a part of a byte', body: { sizeBytes: 1.5 }, status: 400, code: 'invalid_request' },
    { what: 'an SVG', body: { contentType: 'image/svg+xml' }, status: 415, code: 'unsupported_media' },
    { what: 'a HEIC', body: { contentType: 'image/heic' }, status: 415, code: 'unsupported_media' },
    { what: 'no type', body: { contentType: 'jpeg' }, status: 400, code: 'invalid_request' },
    {
      what: 'a type with a header in it',
      body: { contentType: 'image/png;a\r\nx-y: z' },
      status: 400,
      code: 'invalid_request',
    },
    { what: 'a NUL in the name', body: { fileName: 'a\0b' }, status: 400, code: 'invalid_request' },
    {
      what: 'half a character in the name',
      body: { fileName: 'a\ud800' },
      status: 400,
      code: 'invalid_request',
    },
    { what: 'a key of its own', body: { key: '../../x' }, status: 400, code: 'invalid_request' },
    { what: 'deep nesting', body: { fileName: deep(20) }, status: 400, code: 'payload_too_deep' },
  ])('for $what is refused with $code', async ({ body, status, code }, { signIn }) => {
    const ann = await signIn()
    const asked = { fileName: 'a', contentType: 'image/png', sizeBytes: 10, ...body }
    const answer = await ann.ask('POST', '/v1/media/uploads', asked)
    expect(answer.status).toBe(status)
    expect(answer.body.error?.code).toBe(code)
  })

  test('is refused to a user with too many open ones, also when they are asked for at once', async ({
    signIn,
  }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const answers = await Promise.all(Array.from({ length: 12 }, () => ann.begin('text/plain', 5)))
    const given = answers.filter(({ status }) => status === 201)
    expect(given.length).toBe(5)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.body.error).toMatchObject({ code: 'rate_limited', retryable: true })
    expect(refused?.headers.get('retry-after')).toBe('30')
    expect((await bob.begin('text/plain', 5)).status).toBe(201)

    const [open] = given
    if (!open) throw new Error('no ticket')
    await ann.put(open.body, 'hello')
    await ann.complete(open.body.mediaId)
    expect((await ann.begin('text/plain', 5)).status).toBe(201)
  })

  test('is refused to a user who asks for more than an album of them, also when each is given back', async ({
    signIn,
    config,
  }) => {
    const { burst } = ticketRate(config.uploads.maxPending)
    const [ann, bob] = [await signIn(), await signIn()]
    const statuses = new Set<number>()
    for (let i = 0; i < burst; i++) {
      const { status, body } = await ann.begin('text/plain', 5)
      statuses.add(status)
      await ann.ask('DELETE', `/v1/media/uploads/${body.mediaId}`)
    }
    expect([...statuses]).toEqual([201])
    // As many as came by themselves meanwhile, and no more.
    const more = await Promise.all(Array.from({ length: burst }, () => ann.begin('text/plain', 5)))
    const { headers, body } = more.find(({ status }) => status === 429) ?? (await ann.begin('text/plain', 5))
    expect(body.error).toMatchObject({ code: 'rate_limited', retryable: true })
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(2)
    expect((await bob.begin('text/plain', 5)).status).toBe(201)
  })
})

describe('a quota', () => {
  test('holds for all uploads of a user together, also when they are asked for at once; what failed does not count', async ({
    config,
    issuer,
  }) => {
    await using service = await startMedia({ ...config, uploads: { ...config.uploads, quotaBytes: 100 } })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const ids = { userId: `user-${randomUUID()}`, sessionId: '' }
    const token = await issuer.sign({ userId: ids.userId })
    const ann = createClient({ url: service.url, publicUrl, token, ...ids })
    const { body } = await ann.upload('image/png', Buffer.from('this is not a picture'))
    expect(body.error?.code).toBe('unsupported_media')

    const answers = await Promise.all([1, 2, 3, 4].map(() => ann.begin('text/plain', 40)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 413, 413])
    expect(answers.find(({ status }) => status === 413)?.body.error?.code).toBe('too_large')
    expect((await ann.begin('text/plain', 20)).status).toBe(201)
    expect((await ann.begin('text/plain', 1)).status).toBe(413)
  })
})

describe('bytes', () => {
  test.for([
    { what: 'too many', bytes: 'hello!', headers: {}, status: 400 },
    { what: 'too few', bytes: 'hell', headers: {}, status: 400 },
    { what: 'of another type', bytes: 'hello', headers: { 'content-type': 'text/html' }, status: 415 },
  ])('$what are refused and the upload stays open', async ({ bytes, headers, status }, { signIn }) => {
    const ann = await signIn()
    const { body: ticket } = await ann.begin('text/plain', 5)
    expect((await ann.put(ticket, bytes, headers)).status).toBe(status)
    expect((await ann.complete(ticket.mediaId)).status).toBe(409)
    expect((await ann.put(ticket, 'hello')).status).toBe(200)
    expect((await ann.complete(ticket.mediaId)).status).toBe(200)
  })

  test('that break off leave nothing behind', async ({ signIn, config }) => {
    const ann = await signIn()
    const { body: ticket } = await ann.begin('text/plain', 1_000_000)
    const upload = request(ann.reach(ticket.upload.url), {
      method: 'PUT',
      headers: { ...ticket.upload.headers, 'content-length': 1_000_000 },
    })
    upload.on('error', () => {})
    const root = config.storage.driver === 'fs' ? config.storage.path : ''
    const arriving = () => readdir(path.join(root, '.tmp'))
    upload.write(randomBytes(100_000))
    await expect.poll(arriving).toHaveLength(1)
    upload.destroy()
    await expect.poll(arriving).toHaveLength(0)
    expect((await ann.complete(ticket.mediaId)).status).toBe(409)
  })

  test('that are fewer in the store than were declared fail the upload for good', async ({
    signIn,
    service,
    config,
  }) => {
    const ann = await signIn()
    const { body: ticket } = await ann.begin('text/plain', 5)
    const media = await findMedia(service.ctx.db, ticket.mediaId as MediaId)
    const file = path.join(config.storage.driver === 'fs' ? config.storage.path : '', randomUUID())
    await writeFile(file, 'hell')
    await service.ctx.storage.putFile(media?.incomingKey ?? '', file)
    for (let i = 0; i < 2; i++) {
      const answer = await ann.complete(ticket.mediaId)
      expect(answer.status).toBe(400)
      expect(answer.body.error?.code).toBe('invalid_request')
    }
    expect((await ann.look(ticket.mediaId)).body.status).toBe('failed')
  })
})

describe('a link', () => {
  test.for(['altered', 'made by somebody else', 'of the other kind', 'that has ended'])(
    '%s is refused with forbidden',
    async (what, { signIn, service }) => {
      const ann = await signIn()
      const { ticket } = await ann.upload('text/plain', Buffer.from('hello'))
      const { headers } = await ann.ask('GET', `/v1/media/${ticket.mediaId}`)
      const good = new URL(ann.reach(headers.get('location') ?? ''))
      const bad = new URL(good)
      if (what === 'altered') bad.searchParams.set('link', `${good.searchParams.get('link')}x`)
      if (what === 'made by somebody else') bad.searchParams.set('link', 'e30.AAAA')
      if (what === 'of the other kind')
        bad.searchParams.set('link', new URL(ticket.upload.url).searchParams.get('link') ?? '')
      if (what === 'that has ended') {
        const media = await findMedia(service.ctx.db, ticket.mediaId as MediaId)
        const terms = { contentType: 'text/plain', disposition: 'attachment', ttlSeconds: -10 }
        bad.href = ann.reach(await service.ctx.storage.downloadLink(media?.objectKey ?? '', terms))
      }
      expect((await fetch(good)).status).toBe(200)
      const answer = await fetch(bad)
      expect(answer.status).toBe(403)
      expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } })
    },
  )

  test('to what was removed since is answered with not_found', async ({ signIn, service }) => {
    const ann = await signIn()
    const { ticket } = await ann.upload('text/plain', Buffer.from('hello'))
    const media = await findMedia(service.ctx.db, ticket.mediaId as MediaId)
    const { headers } = await ann.ask('GET', `/v1/media/${ticket.mediaId}`)
    await service.ctx.storage.remove([media?.objectKey ?? ''])
    const answer = await fetch(ann.reach(headers.get('location') ?? ''))
    expect(answer.status).toBe(404)
  })
})

describe('content', () => {
  test.for([
    { what: 'an SVG with a script', declared: 'image/png', bytes: Buffer.from(svg) },
    { what: 'a web page', declared: 'image/jpeg', bytes: Buffer.from(html) },
    { what: 'a web page', declared: 'video/mp4', bytes: Buffer.from(html) },
    { what: 'bytes', declared: 'audio/mpeg', bytes: randomBytes(100).fill(1, 0, 4) },
  ])('$what declared as $declared fails the upload', async ({ declared, bytes }, { signIn }) => {
    const ann = await signIn()
    const { ticket, status, body } = await ann.upload(declared, bytes)
    expect(status).toBe(415)
    expect(body.error?.code).toBe('unsupported_media')
    expect((await ann.complete(ticket.mediaId)).status).toBe(415)
    expect((await ann.look(ticket.mediaId)).body).toMatchObject({
      status: 'failed',
      failure: 'type_mismatch',
    })
  })

  test('a PNG declared as a JPEG fails the upload', async ({ signIn }) => {
    const ann = await signIn()
    expect((await ann.upload('image/jpeg', await plainPng())).status).toBe(415)
  })

  test.for([
    { what: 'an SVG', declared: 'text/plain', content: svg },
    { what: 'a web page', declared: 'text/html', content: html },
    { what: 'a PDF', declared: 'application/pdf', content: '%PDF-1.7 <script>' },
  ])('$what is only ever a download, and cannot run', async ({ declared, content }, { signIn }) => {
    const ann = await signIn()
    const { body } = await ann.upload(declared, Buffer.from(content), 'x.html')
    expect(body.contentType).toBe(declared === 'application/pdf' ? declared : 'application/octet-stream')
    const { response, bytes } = await ann.download(body.mediaId)
    expect(bytes.toString()).toBe(content)
    expect(response.headers.get('content-disposition')).toMatch(/^attachment;/)
    expect(response.headers.get('content-type')).toBe(body.contentType)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
  })

  test('an image is shown in place, under the same headers', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('image/png', await plainPng())
    const { response } = await ann.download(media.mediaId, '', { range: 'bytes=0-7' })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-disposition')).toMatch(/^inline;/)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'")
  })

  test('a photo sent as plain bytes is a photo all the same, and loses its place', async ({ signIn }) => {
    const ann = await signIn()
    const media = await ann.ready('application/octet-stream', await phonePhoto())
    expect(media).toMatchObject({ status: 'ready', contentType: 'image/jpeg', width: 480 })
  })

  test.for([
    {
      what: 'a picture cut off and followed by a web page',
      type: 'image/jpeg',
      bytes: async () => {
        const photo = await phonePhoto()
        return Buffer.concat([photo.subarray(0, photo.length / 2), Buffer.from(html)])
      },
      failure: 'unreadable',
    },
    {
      what: 'a picture of 256 megapixels',
      type: 'image/png',
      bytes: async () => bombPng(),
      failure: 'too_many_pixels',
    },
  ])(
    '$what fails with $failure and is never given out',
    async ({ type, bytes, failure }, { signIn, service }) => {
      const ann = await signIn()
      const { body } = await ann.upload(type, await bytes())
      expect(body.status).toBe('processing')
      expect(await ann.settled(body.mediaId)).toMatchObject({ status: 'failed', failure })
      for (const part of ['', '/thumbnail']) {
        expect((await ann.ask('GET', `/v1/media/${body.mediaId}${part}`)).status).toBe(409)
      }
      const media = await findMedia(service.ctx.db, body.mediaId as MediaId)
      const doomed = await sql<{ key: string }>`select key from doomed_object where due_at <= now()`.execute(
        service.ctx.db,
      )
      expect(doomed.rows.map(({ key }) => key)).toContain(media?.objectKey)
    },
  )
})

test('a body that stays silent does not keep a node from closing', async ({ signIn }) => {
  const ann = await signIn()
  const { body: ticket } = await ann.begin('text/plain', 10)
  const refused = request(ann.reach(ticket.upload.url), {
    method: 'PUT',
    headers: { ...ticket.upload.headers, 'content-length': 1_000_000_000 },
  })
  refused.on('error', () => {})
  refused.write('x')
  const [answer] = (await once(refused, 'response')) as [
    { statusCode: number; headers: Record<string, string> },
  ]
  expect(answer.statusCode).toBe(400)
  expect(answer.headers['connection']).toBe('close')
  refused.destroy()
})

function deep(levels: number): unknown {
  return levels === 0 ? 'a' : [deep(levels - 1)]
}
