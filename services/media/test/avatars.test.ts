import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import sharp from 'sharp'
import { describe, expect } from 'vitest'
import { identiconSvg } from '../src/avatars/identicon.ts'
import { animation, halves, plainPng } from './images.ts'
import { test } from './with-messages.ts'

const avatarOf = async (url: string, { token }: { token: string }, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, {
    redirect: 'manual',
    headers: { ...headers, authorization: `Bearer ${token}` },
  })
  return { answer, bytes: Buffer.from(await answer.arrayBuffer()) }
}

const wear = (api: Api, who: Person, avatar: string | null) => api.patch('/v1/me', { avatar }, who.token)

describe('an avatar', () => {
  test('is a square out of the middle of the picture, of the size that was asked for, larger than the picture too', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const picture = await halves(300, 100).png().toBuffer()
    const { mediaId } = await clientOf(ann).ready('image/png', picture)
    await wear(api, ann, mediaId)
    for (const size of [64, 128, 256, 512]) {
      const { answer, bytes } = await avatarOf(
        `${media.url}/v1/media/avatars/users/${ann.userId}?size=${size}`,
        bob,
      )
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('image/webp')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(await sharp(bytes).metadata()).toMatchObject({ width: size, height: size, format: 'webp' })
    }
    const jpeg = await avatarOf(`${media.url}/v1/media/avatars/users/${ann.userId}`, bob, {
      accept: 'image/jpeg',
    })
    expect(await sharp(jpeg.bytes).metadata()).toMatchObject({ width: 128, height: 128, format: 'jpeg' })
  })

  test('of a picture that moves stands still; many who ask at once get the same', async ({
    api,
    media,
    clientOf,
  }) => {
    const ann = await signUp(api, 'ann')
    const { mediaId } = await clientOf(ann).ready('image/gif', await animation('gif'))
    await wear(api, ann, mediaId)
    const url = `${media.url}/v1/media/avatars/users/${ann.userId}`
    const all = await Promise.all(Array.from({ length: 6 }, () => avatarOf(url, ann)))
    expect(new Set(all.map(({ answer }) => answer.status))).toEqual(new Set([200]))
    for (const { bytes } of all) expect(bytes.equals(all[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
    expect((await sharp(all[0]?.bytes).metadata()).pages ?? 1).toBe(1)
  })

  test('is kept for ever under an address with the picture in it, shortly under any other, and a new one is seen at once', async ({
    api,
    media,
    clientOf,
  }) => {
    const ann = await signUp(api, 'ann')
    const [first, second] = [
      await clientOf(ann).ready('image/png', await plainPng()),
      await clientOf(ann).ready('image/png', await halves(64, 64).png().toBuffer()),
    ]
    const url = `${media.url}/v1/media/avatars/users/${ann.userId}`
    await wear(api, ann, first.mediaId)
    const old = await avatarOf(`${url}?v=${first.mediaId}`, ann)
    expect(old.answer.headers.get('cache-control')).toContain('immutable')
    expect((await avatarOf(url, ann)).answer.headers.get('cache-control')).toBe('private, max-age=300')
    const etag = old.answer.headers.get('etag') ?? ''
    expect((await avatarOf(url, ann, { 'if-none-match': etag })).answer.status).toBe(304)

    await wear(api, ann, second.mediaId)
    const next = await avatarOf(url, ann, { 'if-none-match': etag })
    expect(next.answer.status).toBe(200)
    expect(next.bytes.equals(old.bytes)).toBe(false)
    // An address of the picture before must not be taken for this one's.
    expect(
      (await avatarOf(`${url}?v=${first.mediaId}`, ann)).answer.headers.get('cache-control'),
    ).not.toContain('immutable')
  })

  test('of who has none is a pattern of their own, the same each time', async ({ api, media }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const draw = (who: Person) =>
      avatarOf(`${media.url}/v1/media/avatars/users/${who.userId}?size=256&v=`, ann)
    const [first, again, other] = [await draw(ann), await draw(ann), await draw(bob)]
    expect(await sharp(first.bytes).metadata()).toMatchObject({ width: 256, height: 256, format: 'png' })
    expect(first.answer.headers.get('cache-control')).toContain('immutable')
    expect(again.bytes.equals(first.bytes)).toBe(true)
    expect(other.bytes.equals(first.bytes)).toBe(false)
    // Whatever an id holds, it is not in what is drawn.
    expect(identiconSvg('<script>')).not.toContain('script')
  })

  test('with an address elsewhere is found there', async ({ api, media }) => {
    const ann = await signUp(api, 'ann')
    await wear(api, ann, 'https://pictures.example/ann.jpg')
    const { answer } = await avatarOf(`${media.url}/v1/media/avatars/users/${ann.userId}`, ann)
    expect(answer.status).toBe(302)
    expect(answer.headers.get('location')).toBe('https://pictures.example/ann.jpg')
  })

  test('P9 of a group is for who may see the group; of nobody there is none', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const { mediaId } = await clientOf(ann).ready('image/png', await plainPng())
    const { body } = await api.post(
      '/v1/conversations',
      { name: 'G', userIds: [], avatarUrl: mediaId },
      ann.token,
    )
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    const url = `${media.url}/v1/media/avatars/groups/${conversationId}`
    expect((await avatarOf(url, ann)).answer.headers.get('content-type')).toBe('image/webp')
    expect((await avatarOf(url, bob)).answer.status).toBe(404)
    expect((await avatarOf(`${media.url}/v1/media/avatars/users/nobody-at-all`, bob)).answer.status).toBe(404)
    expect((await avatarOf(`${url}?size=100`, ann)).answer.status).toBe(400)
    expect((await fetch(url)).status).toBe(401)
  })
})
