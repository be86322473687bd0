import { randomBytes, randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { MediaId } from '@parley/shared/ids'
import { sql } from 'kysely'
import { Upload } from 'tus-js-client'
import { describe, expect } from 'vitest'
import type { Config } from '../src/config.ts'
import { findMedia } from '../src/media/store.ts'
import { startMedia } from '../src/service.ts'
import { storePatience } from '../src/storage/s3-client.ts'
import { requestDeadlineMs } from '../src/uploads/request-deadline.ts'
import { createClient } from './client.ts'
import { test as base } from './fixture.ts'
import { phonePhoto } from './images.ts'

const chunkSize = 4_096
/** A request begins, and then the store may be asked three times to put an upload together. */
const lastWriteMs = requestDeadlineMs + 3 * storePatience.copySilentMs

type Client = ReturnType<typeof createClient>

/** A service of one test's own: another one sees the same database, storage and Redis. */
const test = base.extend('run', ({ config, issuer }) => {
  const [userId, sessionId] = [`user-${randomUUID()}`, randomUUID()]
  return async (changes: Partial<Config> = {}) => {
    const service = await startMedia({ ...config, sweep: { everyMs: 50, requeueAfterMs: 500 }, ...changes })
    const token = await issuer.sign({ userId, sessionId })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const endpoint = `${service.url}/v1/media/tus`
    return {
      ...service,
      endpoint,
      ann: createClient({ url: service.url, publicUrl, token, userId, sessionId }),
    }
  }
})

const bearer = ({ token }: Client) => ({ authorization: `Bearer ${token}` })
const mediaIdIn = (url: string) => url.slice(url.lastIndexOf('/') + 1)

/** As tus-js-client does it. Stops after `chunks` of them, if it is to. */
function upload(
  bytes: Buffer,
  {
    ann,
    chunks = Number.POSITIVE_INFINITY,
    ...more
  }: { ann: Client; chunks?: number } & Partial<Upload['options']>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sending = new Upload(bytes, {
      chunkSize,
      headers: bearer(ann),
      retryDelays: [],
      ...more,
      onChunkComplete(_size, accepted) {
        if (accepted < chunks * chunkSize) return
        void sending.abort().then(() => resolve(sending.url ?? ''), reject)
      },
      onSuccess: () => resolve(sending.url ?? ''),
      onError: reject,
    })
    sending.start()
  })
}

/** A request of the protocol, as it stands. */
function ask(
  method: string,
  url: string,
  ann: Client,
  headers: object = {},
  body?: Buffer,
): Promise<Response> {
  return fetch(url, {
    method,
    headers: { 'tus-resumable': '1.0.0', ...bearer(ann), ...headers },
    ...(body ? { body: new Uint8Array(body) } : {}),
  })
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

function create(endpoint: string, ann: Client, length: number, filetype = 'text/plain', filename = 'a') {
  const metadata = `filename ${base64(filename)},filetype ${base64(filetype)}`
  return ask('POST', endpoint, ann, { 'upload-length': length, 'upload-metadata': metadata })
}

const offsetBytes = { 'content-type': 'application/offset+octet-stream' }

const patch = (url: string, ann: Client, offset: number, bytes: Buffer) =>
  ask('PATCH', url, ann, { 'upload-offset': offset, ...offsetBytes }, bytes)

describe('P8 a resumable upload', () => {
  test('A6.4 is taken up where it broke off, after a restart of the service too, and ends as any other', async ({
    run,
  }) => {
    const photo = await phonePhoto(2_400, 1_800)
    const metadata = { filename: 'beach.jpg', filetype: 'image/jpeg' }
    const first = await run()
    const url = await upload(photo, { ann: first.ann, chunks: 1, endpoint: first.endpoint, metadata })
    expect((await first.ann.complete(mediaIdIn(url))).status).toBe(409)
    await first[Symbol.asyncDispose]()

    await using next = await run()
    const uploadUrl = `${next.endpoint}/${mediaIdIn(url)}`
    const head = await ask('HEAD', uploadUrl, next.ann)
    const offset = Number(head.headers.get('upload-offset'))
    expect(offset).toBeGreaterThanOrEqual(chunkSize)
    expect(offset).toBeLessThan(photo.length)
    await upload(photo, { ann: next.ann, uploadUrl })
    const media = await next.ann.settled(mediaIdIn(url))
    expect(media).toMatchObject({ status: 'ready', fileName: 'beach.jpg', width: 1_800, height: 2_400 })
    // Whoever asks again is told that all of it is there.
    const again = await ask('HEAD', uploadUrl, next.ann)
    expect(again.headers.get('upload-offset')).toBe(again.headers.get('upload-length'))
  })

  test('is completed though whoever took the last byte died over it', async ({ run }) => {
    await using service = await run()
    const { ann, endpoint, ctx } = service
    const created = await create(endpoint, ann, 5)
    expect(created.status).toBe(201)
    const url = `${endpoint}/${mediaIdIn(created.headers.get('location') ?? '')}`
    const media = await findMedia(ctx.db, mediaIdIn(url) as MediaId)
    await ctx.storage.resumable(60).write(Readable.from([Buffer.from('hello')]), media?.incomingKey ?? '', 0)
    const head = await ask('HEAD', url, ann)
    expect(head.headers.get('upload-offset')).toBe('5')
    expect((await ann.look(mediaIdIn(url))).body.status).toBe('ready')
    expect((await ann.download(mediaIdIn(url))).bytes.toString()).toBe('hello')
  })

  test('is complete when it was created with all of its bytes', async ({ run }) => {
    await using service = await run()
    const { ann, endpoint } = service
    const headers = { 'upload-length': 5, ...offsetBytes }
    const created = await ask('POST', endpoint, ann, headers, Buffer.from('hello'))
    expect(created.status).toBe(201)
    const mediaId = mediaIdIn(created.headers.get('location') ?? '')
    expect((await ann.download(mediaId)).bytes.toString()).toBe('hello')
  })

  test('is refused at its end when its content is not what was declared', async ({ run }) => {
    await using service = await run()
    const { ann, endpoint } = service
    const created = await create(endpoint, ann, 5, 'image/png')
    const url = `${endpoint}/${mediaIdIn(created.headers.get('location') ?? '')}`
    const refused = await patch(url, ann, 0, Buffer.from('hello'))
    expect(refused.status).toBe(415)
    expect(await refused.json()).toMatchObject({ error: { code: 'unsupported_media' } })
    expect((await ann.look(mediaIdIn(url))).body).toMatchObject({
      status: 'failed',
      failure: 'type_mismatch',
    })
  })

  test('is handed over by a request that waits for bytes, on another instance, to one that brings them', async ({
    run,
  }) => {
    await using one = await run()
    await using other = await run()
    const bytes = randomBytes(50_000)
    const created = await create(one.endpoint, one.ann, bytes.length)
    const mediaId = mediaIdIn(created.headers.get('location') ?? '')
    const stalled = request(`${one.endpoint}/${mediaId}`, {
      method: 'PATCH',
      headers: {
        ...bearer(one.ann),
        'tus-resumable': '1.0.0',
        'upload-offset': 0,
        'content-type': 'application/offset+octet-stream',
        'content-length': bytes.length,
      },
    })
    stalled.on('error', () => {})
    stalled.write(bytes.subarray(0, 20_000))
    const root = one.ctx.config.storage.driver === 'fs' ? one.ctx.config.storage.path : ''
    const key = (await findMedia(one.ctx.db, mediaId as MediaId))?.incomingKey ?? ''
    const store = other.ctx.storage.resumable(60)
    await expect.poll(async () => (await store.getUpload(key)).offset).toBe(20_000)

    const url = `${other.endpoint}/${mediaId}`
    const head = await ask('HEAD', url, other.ann)
    expect(head.headers.get('upload-offset')).toBe('20000')
    expect((await patch(url, other.ann, 20_000, bytes.subarray(20_000))).status).toBe(204)
    expect((await other.ann.download(mediaId)).bytes.equals(bytes)).toBe(true)
    expect(root).not.toBe('')
    stalled.destroy()
  })
})

describe('of a resumable upload', () => {
  test.for([
    { what: 'more bytes than allowed', length: 8 * 1024 ** 2 + 1, status: 413 },
    { what: 'no bytes', length: 0, status: 400 },
    { what: 'a type that is not accepted', type: 'image/svg+xml', status: 415 },
    { what: 'no type', type: 'jpeg', status: 400 },
    { what: 'a NUL in the name', name: 'a\0b', status: 400 },
  ])('$what is refused and leaves nothing', async ({ length = 5, type, name, status }, { run }) => {
    await using service = await run()
    const refused = await create(service.endpoint, service.ann, length, type, name)
    expect(refused.status).toBe(status)
    const { rows } = await sql`select 1 from media where owner_id = ${service.ann.userId}`.execute(
      service.ctx.db,
    )
    expect(rows).toHaveLength(0)
  })

  test.for([
    { what: 'a length that the protocol does not know', headers: { 'upload-length': '1e1' } },
    { what: 'two lengths', headers: { 'upload-length': '5', 'upload-defer-length': '1' } },
    { what: 'another version of the protocol', headers: { 'upload-length': '5', 'tus-resumable': '0.2.0' } },
  ])(
    '$what is refused by the protocol, and no ticket stays that nobody was told of',
    async ({ headers }, { run }) => {
      await using service = await run()
      const { ann, endpoint, ctx } = service
      const metadata = { 'upload-metadata': `filename ${base64('a')}` }
      expect((await ask('POST', endpoint, ann, { ...metadata, ...headers })).status).toBe(400)
      const left = async () =>
        (await sql`select 1 from media where owner_id = ${ann.userId}`.execute(ctx.db)).rows.length
      await expect.poll(left).toBe(0)
    },
  )

  test('P8 that was to be created with bytes and broke off among them no ticket stays, and with none of them it does', async ({
    run,
  }) => {
    await using service = await run()
    const { ann, endpoint, ctx } = service
    const whole = await ask('POST', endpoint, ann, { 'upload-length': 5, ...offsetBytes }, Buffer.from('he'))
    expect(whole.headers.get('upload-offset')).toBe('2')
    const broken = request(endpoint, {
      method: 'POST',
      headers: {
        ...bearer(ann),
        ...offsetBytes,
        'tus-resumable': '1.0.0',
        'upload-length': 10,
        'content-length': 10,
      },
    })
    broken.on('error', () => {}).write('hello')
    const left = async () => {
      const { rows } = await sql<{ incomingKey: string; sizeBytes: string }>`
        select incoming_key, size_bytes from media where owner_id = ${ann.userId} order by size_bytes`.execute(
        ctx.db,
      )
      return rows
    }
    const store = ctx.storage.resumable(60)
    const arrived = async () => (await store.getUpload((await left())[1]?.incomingKey ?? '')).offset
    await expect.poll(() => arrived().catch(() => undefined)).toBe(5)
    broken.destroy()
    await expect.poll(async () => (await left()).map(({ sizeBytes }) => Number(sizeBytes))).toEqual([5])
  })

  test('metadata that is none, a length that comes later and an offset that is wrong are refused', async ({
    run,
  }) => {
    await using service = await run()
    const { ann, endpoint } = service
    const odd = await ask('POST', endpoint, ann, { 'upload-length': 5, 'upload-metadata': 'a b c d' })
    expect(odd.status).toBe(400)
    expect((await ask('POST', endpoint, ann, { 'upload-defer-length': 1 })).status).toBe(400)
    const created = await create(endpoint, ann, 5)
    const url = `${endpoint}/${mediaIdIn(created.headers.get('location') ?? '')}`
    const wrong = await patch(url, ann, 3, Buffer.from('lo'))
    expect(wrong.status).toBe(409)
    expect(await wrong.json()).toMatchObject({ error: { code: 'conflict' } })
    expect((await patch(url, ann, 0, Buffer.from('hello!'))).status).toBe(413)
    expect((await patch(url, ann, 0, Buffer.from('hello'))).status).toBe(204)
    expect((await patch(url, ann, 5, Buffer.from('!'))).status).toBe(404)
  })

  test('its name and type may be left out, its length may not', async ({ run }) => {
    await using service = await run()
    const { ann, endpoint } = service
    const created = await ask('POST', endpoint, ann, { 'upload-length': 5 })
    expect(created.status).toBe(201)
    const mediaId = mediaIdIn(created.headers.get('location') ?? '')
    expect((await patch(`${endpoint}/${mediaId}`, ann, 0, Buffer.from('hello'))).status).toBe(204)
    expect((await ann.look(mediaId)).body).toMatchObject({
      status: 'ready',
      fileName: 'file',
      contentType: 'application/octet-stream',
    })
    const refused = await ask('POST', endpoint, ann)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({
      error: { code: 'invalid_request', message: expect.stringContaining('upload-length') },
    })
  })

  test('P8 bytes come for a few of one user at once, the next one is told to come back, and others have their own', async ({
    run,
    config,
    signIn,
  }) => {
    await using service = await run({ uploads: { ...config.uploads, maxPending: 20 } })
    const { ann, endpoint, ctx } = service
    const start = async () => {
      const { headers } = await create(endpoint, ann, 10)
      const url = `${endpoint}/${mediaIdIn(headers.get('location') ?? '')}`
      const key = (await findMedia(ctx.db, mediaIdIn(url) as MediaId))?.incomingKey ?? ''
      return { url, key }
    }
    const store = ctx.storage.resumable(60)
    const sending = []
    for (let i = 0; i < 8; i++) {
      const { url, key } = await start()
      const headers = { 'tus-resumable': '1.0.0', 'upload-offset': 0, 'content-length': 10 }
      const sent = request(url, { method: 'PATCH', headers: { ...bearer(ann), ...offsetBytes, ...headers } })
      sent.on('error', () => {}).write('hello')
      sending.push({ sent, url })
      await expect.poll(async () => (await store.getUpload(key)).offset).toBe(5)
    }
    const { url } = await start()
    const refused = await patch(url, ann, 0, Buffer.from('hello'))
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ error: { code: 'overloaded', retryAfterMs: 2_000 } })
    const atOnce = { 'upload-length': 5, ...offsetBytes }
    expect((await ask('POST', endpoint, ann, atOnce, Buffer.from('hello'))).status).toBe(503)
    expect((await create(endpoint, ann, 5)).status).toBe(201)
    const bob = await signIn()
    expect((await ask('POST', endpoint, bob, atOnce, Buffer.from('hello'))).status).toBe(201)

    sending[0]?.sent.end(' you!')
    await expect.poll(async () => (await patch(url, ann, 0, Buffer.from('hello'))).status).toBe(204)
    for (const { sent } of sending) sent.destroy()
  })

  test('P9 somebody else’s and none at all are answered alike, and nobody without a token', async ({
    run,
    signIn,
  }) => {
    await using service = await run()
    const { ann, endpoint } = service
    const bob = await signIn()
    const created = await create(endpoint, ann, 5)
    const url = `${endpoint}/${mediaIdIn(created.headers.get('location') ?? '')}`
    for (const foreign of [url, `${endpoint}/${randomUUID()}`]) {
      expect((await ask('HEAD', foreign, bob)).status).toBe(404)
      expect((await patch(foreign, bob, 0, Buffer.from('hello'))).status).toBe(404)
      expect((await ask('DELETE', foreign, bob)).status).toBe(404)
    }
    for (const method of ['POST', 'HEAD', 'PATCH', 'DELETE']) {
      const to = method === 'POST' ? endpoint : url
      expect((await fetch(to, { method, headers: { 'tus-resumable': '1.0.0' } })).status).toBe(401)
    }
    expect((await patch(url, ann, 0, Buffer.from('hello'))).status).toBe(204)
  })

  test('what was given up, or never ended, is removed, and counts no more', async ({ run }) => {
    await using service = await run()
    const { ann, endpoint, ctx } = service
    const root = ctx.config.storage.driver === 'fs' ? ctx.config.storage.path : ''
    const isThere = (key: string) =>
      access(path.join(root, '.tus', key)).then(
        () => true,
        () => false,
      )
    for (const end of ['given up', 'expired'] as const) {
      const created = await create(endpoint, ann, 5)
      expect(Date.parse(created.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now())
      const mediaId = mediaIdIn(created.headers.get('location') ?? '') as MediaId
      const url = `${endpoint}/${mediaId}`
      await patch(url, ann, 0, Buffer.from('he'))
      const key = (await findMedia(ctx.db, mediaId))?.incomingKey ?? ''
      expect(await isThere(key)).toBe(true)
      if (end === 'given up') expect((await ask('DELETE', url, ann)).status).toBe(204)
      else {
        await sql`update media set expires_at = now() - interval '1 day' where id = ${mediaId}`.execute(
          ctx.db,
        )
      }
      // A request that brings bytes may still be under way, and then the store may put them together.
      const kept = await sql`
        select 1 from doomed_object where key = ${key} and due_at > now() + ${lastWriteMs} * interval '1 ms'`.execute(
        ctx.db,
      )
      expect(kept.rows).toHaveLength(1)
      await sql`update doomed_object set due_at = now() where key = ${key}`.execute(ctx.db)
      await expect.poll(() => findMedia(ctx.db, mediaId)).toBeUndefined()
      await expect.poll(() => isThere(key)).toBe(false)
      await expect.poll(() => isThere(`${key}.json`)).toBe(false)
      expect((await ask('HEAD', url, ann)).status).toBe(404)
    }
  })

  test('the answers are read by web apps of the origins that are allowed, and by no others', async ({
    run,
    config,
  }) => {
    await using service = await run({ http: { ...config.http, allowedOrigins: ['https://app.example'] } })
    const { ann, endpoint } = service
    const metadata = `filename ${base64('a')}`
    for (const origin of ['https://app.example', 'https://other.example']) {
      const headers = { 'upload-length': 5, 'upload-metadata': metadata, origin }
      const created = await ask('POST', endpoint, ann, headers)
      expect(created.status).toBe(201)
      const allowed = created.headers.get('access-control-allow-origin')
      expect(allowed).toBe(origin === 'https://app.example' ? origin : null)
    }
  })
})
