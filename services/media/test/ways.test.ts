import { randomBytes, randomUUID } from 'node:crypto'
import type { MediaId } from '@parley/shared/ids'
import { findFreePort } from '@parley/testing/free-port'
import { sql } from 'kysely'
import { describe, expect } from 'vitest'
import { findMedia } from '../src/media/store.ts'
import { startMedia } from '../src/service.ts'
import { createClient } from './client.ts'
import { test } from './fixture.ts'
import { plainPng } from './images.ts'

interface PartsTicket {
  mediaId: string
  upload: { method: string; headers: Record<string, string>; parts: { url: string; sizeBytes: number }[] }
}

const asked = (way: string, sizeBytes: number, contentType = 'text/plain') => ({
  fileName: 'a',
  contentType,
  sizeBytes,
  way,
})

type Auth = Record<string, string>

const post = (url: string, auth: Auth, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

const s3 = {
  driver: 's3' as const,
  region: 'us-east-1',
  bucket: 'media',
  accessKeyId: 'a',
  secretAccessKey: 's',
  forcePathStyle: true,
  enforcesPostPolicy: false,
}

describe('P8 an upload in parts', () => {
  test('is complete when every part is there, and not before', async ({ config, issuer }) => {
    const sizeBytes = 33 * 1024 ** 2
    const uploads = { ...config.uploads, maxBytes: sizeBytes }
    await using service = await startMedia({ ...config, uploads })
    const ids = { userId: `user-${randomUUID()}`, sessionId: '' }
    const token = await issuer.sign({ userId: ids.userId })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const ann = createClient({ url: service.url, publicUrl, token, ...ids })

    const bytes = randomBytes(sizeBytes)
    const { body: ticket } = await ann.ask<PartsTicket>(
      'POST',
      '/v1/media/uploads',
      asked('parts', sizeBytes),
    )
    const { method, headers, parts } = ticket.upload
    expect(parts.map((part) => part.sizeBytes)).toEqual([32 * 1024 ** 2, 1024 ** 2])
    let from = sizeBytes
    for (const part of parts.toReversed()) {
      expect((await ann.complete(ticket.mediaId)).status).toBe(409)
      from -= part.sizeBytes
      const body = new Uint8Array(bytes.subarray(from, from + part.sizeBytes))
      expect((await fetch(ann.reach(part.url), { method, headers, body })).status).toBe(200)
    }
    expect((await ann.complete(ticket.mediaId)).body).toMatchObject({ status: 'ready', sizeBytes })
    expect((await ann.download(ticket.mediaId)).bytes.equals(bytes)).toBe(true)
  })
})

describe('a ticket', () => {
  test('for a form is refused where the store takes none, and for no known way anywhere', async ({
    signIn,
  }) => {
    const ann = await signIn()
    for (const way of ['form', 'pigeon']) {
      const { status, body } = await ann.ask('POST', '/v1/media/uploads', asked(way, 5))
      expect({ way, status, code: body.error?.code }).toEqual({ way, status: 400, code: 'invalid_request' })
    }
  })

  test.for([
    { way: 'parts', ask: (at: string, auth: Auth) => post(`${at}/uploads`, auth, asked('parts', 5)) },
    {
      way: 'tus',
      ask: (at: string, auth: Auth) => {
        const headers = {
          ...auth,
          'tus-resumable': '1.0.0',
          'upload-length': '5',
          'upload-metadata': 'filename YQ==',
        }
        return fetch(`${at}/tus`, { method: 'POST', headers })
      },
    },
    {
      way: 'a form',
      ask: (at: string, auth: Auth) => {
        const body = new FormData()
        body.append('file', new Blob(['hello']), 'a')
        return fetch(`${at}/files`, { method: 'POST', headers: auth, body })
      },
    },
  ])(
    'that $way could not hand out, because the store is away, counts for nothing',
    async ({ ask }, { config, issuer }) => {
      const endpoint = `http://127.0.0.1:${await findFreePort()}`
      await using service = await startMedia({
        ...config,
        storage: { ...s3, endpoint, publicEndpoint: endpoint },
      })
      const userId = `user-${randomUUID()}`
      const authorization = `Bearer ${await issuer.sign({ userId })}`
      const refused = await ask(`${service.url}/v1/media`, { authorization })
      expect(refused.status).toBe(503)
      const open = async () => {
        const { rows } = await sql`select 1 from media where owner_id = ${userId}`.execute(service.ctx.db)
        return rows.length
      }
      await expect.poll(open).toBe(0)
    },
  )

  test('is given back, once, by whoever has it', async ({ signIn, service }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const { body: ticket } = await ann.begin('text/plain', 5)
    const path = `/v1/media/uploads/${ticket.mediaId}`
    expect((await bob.ask('DELETE', path)).status).toBe(404)
    expect((await ann.ask('DELETE', path)).status).toBe(204)
    expect((await ann.ask('DELETE', path)).status).toBe(404)
    expect(await findMedia(service.ctx.db, ticket.mediaId as MediaId)).toBeUndefined()
    const { body: used } = await ann.upload('text/plain', Buffer.from('hello'))
    expect((await ann.ask('DELETE', `/v1/media/uploads/${used.mediaId}`)).status).toBe(404)
  })

  test('holds what its type may have, and the content is held to what it really is', async ({
    config,
    issuer,
  }) => {
    const uploads = { ...config.uploads, maxImageBytes: 10, maxSoundBytes: 20, maxFilmBytes: 30 }
    await using service = await startMedia({ ...config, uploads })
    const ids = { userId: `user-${randomUUID()}`, sessionId: '' }
    const token = await issuer.sign({ userId: ids.userId })
    const publicUrl = config.storage.driver === 'fs' ? config.storage.publicUrl : ''
    const ann = createClient({ url: service.url, publicUrl, token, ...ids })
    for (const [type, most] of [
      ['image/png', 10],
      ['audio/mpeg', 20],
      ['video/mp4', 30],
    ] as const) {
      const refused = await ann.begin(type, most + 1)
      expect({ type, status: refused.status, code: refused.body.error?.code }).toEqual({
        type,
        status: 413,
        code: 'too_large',
      })
    }
    const { body, ticket } = await ann.upload('application/octet-stream', await plainPng())
    expect(body.error?.code).toBe('too_large')
    expect((await ann.look(ticket.mediaId)).body).toMatchObject({ status: 'failed', failure: 'too_large' })
  })
})
