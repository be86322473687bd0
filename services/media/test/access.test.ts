import { randomUUID } from 'node:crypto'
import { AppError } from '@parley/shared/errors'
import type { MediaId, UserId } from '@parley/shared/ids'
import { describe, expect } from 'vitest'
import { createClient } from './client.ts'
import { test } from './fixture.ts'
import { plainPng } from './images.ts'

describe('reading', () => {
  test('is for whoever may see a message that refers to it, at that moment', async ({ signIn, peer }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const { mediaId } = await ann.ready('image/png', await plainPng())
    const ask = (part: string) => bob.ask('GET', `/v1/media/${mediaId}${part}`)
    const unknown = await bob.ask('GET', `/v1/media/${randomUUID()}`)

    for (const part of ['', '/thumbnail', '?format=json']) {
      const refused = await ask(part)
      expect(refused.status).toBe(404)
      expect(refused.body).toEqual(unknown.body)
      peer.visible.add(`${bob.userId} ${mediaId}`)
      const given = await ask(part)
      expect(given.status).toBe(part === '?format=json' ? 200 : 302)
      expect(given.headers.get('cache-control')).toBe('private, no-store')
      peer.visible.delete(`${bob.userId} ${mediaId}`)
      expect((await ask(part)).status).toBe(404)
    }
    expect((await ann.download(mediaId)).response.status).toBe(200)
  })

  test('is for nobody else before it is ready', async ({ signIn, peer }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const { body: ticket } = await ann.begin('text/plain', 5)
    peer.visible.add(`${bob.userId} ${ticket.mediaId}`)
    expect((await bob.look(ticket.mediaId)).status).toBe(404)
    expect((await ann.look(ticket.mediaId)).status).toBe(404)
  })

  test('a thumbnail of what has none is not_found', async ({ signIn }) => {
    const ann = await signIn()
    const { body } = await ann.upload('text/plain', Buffer.from('hello'))
    const answer = await ann.ask('GET', `/v1/media/${body.mediaId}/thumbnail`)
    expect(answer.status).toBe(404)
    expect(answer.body.error?.code).toBe('not_found')
  })

  test('is refused while the right to it cannot be checked', async ({ signIn, peer }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const { body } = await ann.upload('text/plain', Buffer.from('hello'))
    await bob.look(body.mediaId)
    peer.failure = new AppError('draining', 'going away')
    const answer = await bob.look(body.mediaId)
    const stranger = await (await signIn()).look(body.mediaId)
    peer.failure = undefined
    for (const { status, body: refused } of [answer, stranger]) {
      expect(status).toBe(503)
      expect(refused.error).toMatchObject({ code: 'unavailable', retryable: true })
    }
  })

  test.for(['not-a-uuid', '../../etc/passwd', "1' or '1'='1"])('of %j is refused', async (id, { signIn }) => {
    const ann = await signIn()
    const { status } = await ann.ask('GET', `/v1/media/${encodeURIComponent(id)}`)
    expect(status).toBe(400)
  })
})

describe('identity', () => {
  test.for(['/v1/media/uploads', `/v1/media/uploads/${randomUUID()}/complete`, `/v1/media/${randomUUID()}`])(
    '%s asks for a token',
    async (path, { service }) => {
      const method = path.includes('uploads') ? 'POST' : 'GET'
      const body = JSON.stringify({ fileName: 'a', contentType: 'text/plain', sizeBytes: 1 })
      for (const authorization of [undefined, 'Basic YTpi', 'Bearer nonsense']) {
        const answer = await fetch(`${service.url}${path}`, {
          method,
          headers: { ...(authorization ? { authorization } : {}), 'content-type': 'application/json' },
          ...(method === 'POST' ? { body } : {}),
        })
        expect(answer.status).toBe(401)
        expect(await answer.json()).toMatchObject({ error: { code: 'unauthenticated' } })
      }
    },
  )

  test('a token that has ended is told apart', async ({ service, issuer }) => {
    const token = await issuer.sign({ userId: 'ann', expiresIn: '-5m' })
    const ids = { userId: 'ann', sessionId: '' }
    const client = createClient({ url: service.url, publicUrl: '', token, ...ids })
    const answer = await client.look(randomUUID())
    expect(answer.status).toBe(401)
    expect(answer.body.error?.code).toBe('token_expired')
  })

  test('a session that has ended opens nothing, though its token still holds', async ({ signIn, peer }) => {
    const sessionId = randomUUID()
    peer.ended.add(sessionId)
    const ann = await signIn('ann', sessionId)
    const answer = await ann.begin('text/plain', 5)
    expect(answer.status).toBe(401)
    expect(answer.body.error?.code).toBe('unauthenticated')
  })
})

describe('a claim', () => {
  test('gives the facts of media that is ready and the own, and says why not of any other', async ({
    signIn,
    internal,
  }) => {
    const [ann, bob] = [await signIn(), await signIn()]
    const image = await ann.ready('image/png', await plainPng(40, 30), 'a.png')
    const { body: pending } = await ann.begin('text/plain', 5)
    const userId = ann.userId as UserId
    const claims = [image.mediaId, pending.mediaId, randomUUID()].map((id) => ({
      userId,
      mediaId: id as MediaId,
    }))
    const foreign = { userId: bob.userId as UserId, mediaId: image.mediaId as MediaId }

    const { results } = await internal.call('media/claim', { claims: [...claims, foreign] })
    const facts = {
      mediaId: image.mediaId,
      contentType: 'image/png',
      sizeBytes: image.sizeBytes,
      fileName: 'a.png',
      width: 40,
      height: 30,
      thumbnail: { width: 40, height: 30 },
      thumbhash: image.thumbhash,
    }
    expect(results[0]).toEqual({ ok: true, data: facts })
    expect(results[1]).toMatchObject({ ok: false, error: { code: 'conflict' } })
    expect(results[2]).toMatchObject({ ok: false, error: { code: 'not_found' } })
    expect(results[3]).toEqual(results[2])
    expect(await internal.call('media/claim', { claims: [] })).toEqual({ results: [] })
  })

  test('is refused without the secret of the cluster', async ({ service }) => {
    const answer = await fetch(`${service.internalUrl}/rpc/media/claim`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"claims":[]}',
    })
    expect(answer.status).toBe(403)
    expect((await fetch(`${service.url}/rpc/media/claim`, { method: 'POST' })).status).toBe(404)
    expect((await fetch(`${service.url}/metrics`)).status).toBe(404)
  })
})
