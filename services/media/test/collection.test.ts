import { randomUUID } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import type { MediaId } from '@parley/shared/ids'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { asyncProperty, assert, array, boolean, constantFrom, nat, record } from 'fast-check'
import { sql } from 'kysely'
import { describe, expect } from 'vitest'
import type { Context } from '../src/context.ts'
import { findMedia } from '../src/media/store.ts'
import type { createClient } from './client.ts'
import { plainPng } from './images.ts'
import { test } from './with-messages.ts'

const send = (api: Api, who: Person, to: object, mediaId: string, clientMessageId: string = randomUUID()) =>
  api.post('/v1/messages', { clientMessageId, to, type: 'image', content: { mediaId } }, who.token)

interface Message {
  conversationId: string
  messageId: string
}

const recall = (api: Api, who: Person, { conversationId, messageId }: Message) =>
  api.delete(`/v1/conversations/${conversationId}/messages/${messageId}`, who.token)

/** As if so much time had passed that everything without a reference is to go; and the sweep then was there. */
async function age({ db }: Context): Promise<void> {
  await sql`update media set collect_at = collect_at - interval '30 days'`.execute(db)
  await sql`update doomed_object set due_at = now() where due_at < now() + interval '10 minutes'`.execute(db)
}

/** What is doomed between the two statements is not due yet, and counts all the same. */
async function untilSwept({ db }: Context): Promise<void> {
  const left = async () => {
    await sql`update doomed_object set due_at = now() where due_at < now() + interval '10 minutes'`.execute(
      db,
    )
    const { rows } = await sql<{ count: string }>`
      select (select count(*) from media where collect_at <= now() and status = 'ready')
        + (select count(*) from doomed_object where due_at < now() + interval '10 minutes') as count`.execute(
      db,
    )
    return Number(rows[0]?.count)
  }
  await expect.poll(left, { interval: 20 }).toBe(0)
}

describe('P9 media that is referred to', () => {
  test('is that of a message which is kept: one that is not could be read by nobody, and is refused', async ({
    api,
    clientOf,
  }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const { mediaId } = await clientOf(ann).ready('image/png', await plainPng())
    const draft = {
      clientMessageId: randomUUID(),
      to: { userId: bob.userId },
      type: 'image',
      content: { mediaId },
    }
    const passed = await api.post('/v1/messages', { ...draft, switches: { stored: false } }, ann.token)
    expect(passed.status).toBe(400)
    expect(passed.body).toMatchObject({ error: { code: 'invalid_request' } })
    const room = { name: 'room', policy: 'live', userIds: [] }
    const { body } = await api.post('/v1/conversations', room, ann.token)
    const to = { conversationId: (body['summary'] as unknown as { conversationId: string }).conversationId }
    const inRoom = await api.post('/v1/messages', { ...draft, to }, ann.token)
    expect(inRoom.body).toMatchObject({ error: { code: 'invalid_request' } })
    expect((await api.post('/v1/messages', draft, ann.token)).status).toBe(201)
    expect((await clientOf(bob).ask('GET', `/v1/media/${mediaId}`)).status).toBe(302)
  })

  test('A6.6 is read by whoever sees a message with it, months later too, and by nobody else', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob, cas] = [await signUp(api, 'ann'), await signUp(api, 'bob'), await signUp(api, 'cas')]
    const { mediaId } = await clientOf(ann).ready('image/png', await plainPng())
    const sent = await send(api, ann, { userId: bob.userId }, mediaId)
    expect(sent.status).toBe(201)
    await age(media.ctx)
    await untilSwept(media.ctx)
    const first = await clientOf(bob).download(mediaId)
    const later = await clientOf(bob).download(mediaId)
    for (const { response } of [first, later]) expect(response.status).toBe(200)
    expect((await clientOf(cas).look(mediaId)).status).toBe(404)
  })

  test('is sent on by whoever may read it, without a copy, and outlives the message it came in', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob, cas] = [await signUp(api, 'ann'), await signUp(api, 'bob'), await signUp(api, 'cas')]
    const { mediaId } = await clientOf(ann).ready('image/png', await plainPng())
    expect((await send(api, bob, { userId: cas.userId }, mediaId)).status).toBe(404)
    const { body } = await send(api, ann, { userId: bob.userId }, mediaId)
    expect((await send(api, bob, { userId: cas.userId }, mediaId)).status).toBe(201)

    expect((await recall(api, ann, body as unknown as Message)).status).toBe(200)
    await age(media.ctx)
    await untilSwept(media.ctx)
    expect((await clientOf(cas).download(mediaId)).response.status).toBe(200)
    // Through the own message; the one it came in is gone.
    expect((await clientOf(bob).download(mediaId)).response.status).toBe(200)
  })

  test('is lost to its readers with the message it was in, and then removed', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const { mediaId } = await clientOf(ann).ready('image/png', await plainPng())
    const clientMessageId = randomUUID()
    const { body } = await send(api, ann, { userId: bob.userId }, mediaId, clientMessageId)
    expect((await recall(api, ann, body as unknown as Message)).status).toBe(200)
    expect((await clientOf(bob).look(mediaId)).status).toBe(404)
    const objects = await objectsOf(media.ctx, mediaId)
    await age(media.ctx)
    await untilSwept(media.ctx)
    expect((await clientOf(ann).look(mediaId)).status).toBe(404)
    expect(objects.length).toBeGreaterThan(1)
    for (const key of objects) expect(await media.ctx.storage.peek(key, 1)).toBeUndefined()
    // P2: the message is what it was, whatever has become of its media.
    const again = await send(api, ann, { userId: bob.userId }, mediaId, clientMessageId)
    expect(again.body).toMatchObject({ messageId: body['messageId'] })
  })

  test('as a profile’s picture is read by everybody, as a group’s by who may see the group', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob, cas] = [await signUp(api, 'ann'), await signUp(api, 'bob'), await signUp(api, 'cas')]
    const [face, crest] = [
      await clientOf(ann).ready('image/png', await plainPng()),
      await clientOf(ann).ready('image/png', await plainPng()),
    ]
    expect((await api.patch('/v1/me', { avatar: face.mediaId }, ann.token)).status).toBe(200)
    const draft = { name: 'G', userIds: [bob.userId], avatarUrl: crest.mediaId }
    expect((await api.post('/v1/conversations', draft, ann.token)).status).toBe(201)
    await age(media.ctx)
    await untilSwept(media.ctx)
    expect((await clientOf(cas).download(face.mediaId)).response.status).toBe(200)
    expect((await clientOf(bob).download(crest.mediaId)).response.status).toBe(200)
    expect((await clientOf(cas).look(crest.mediaId)).status).toBe(404)
    // A picture is somebody's own, or one they may see.
    const foreign = { name: 'H', userIds: [], avatarUrl: crest.mediaId }
    expect((await api.post('/v1/conversations', foreign, cas.token)).body.error?.code).toBe('not_found')
  })
})

describe('retention', () => {
  test('removes media of messages older than so many days, and never a picture', async ({
    api,
    media,
    clientOf,
  }) => {
    const [ann, bob] = [await signUp(api, 'ann'), await signUp(api, 'bob')]
    const [old, face, fresh] = [
      await clientOf(ann).ready('image/png', await plainPng()),
      await clientOf(ann).ready('image/png', await plainPng()),
      await clientOf(ann).ready('image/png', await plainPng()),
    ]
    await api.patch('/v1/me', { avatar: face.mediaId }, ann.token)
    for (const { mediaId } of [old, face]) await send(api, ann, { userId: bob.userId }, mediaId)
    await sql`update messages.entry set sent_at = sent_at - interval '31 days'`.execute(media.ctx.db)
    await send(api, ann, { userId: bob.userId }, fresh.mediaId)
    media.ctx.config.collection.retentionMs = 30 * 86_400_000
    await age(media.ctx)
    await untilSwept(media.ctx)
    media.ctx.config.collection.retentionMs = undefined
    expect((await clientOf(bob).look(old.mediaId)).status).toBe(404)
    for (const { mediaId } of [face, fresh]) expect((await clientOf(bob).look(mediaId)).status).toBe(200)
  })
})

const kinds = ['send', 'recall', 'clear', 'hide', 'avatar', 'picture', 'upload', 'leave'] as const
const step = record({ kind: constantFrom(...kinds), who: nat(2), what: nat(5), where: nat(2) })
const rounds = array(record({ aged: boolean(), steps: array(step, { minLength: 1, maxLength: 6 }) }), {
  minLength: 1,
  maxLength: 5,
})

test('P9 nothing that a message, a profile or a group shows is ever removed, and everything else is: whatever is sent, sent on, taken back, cleared and shown at once while the sweep runs', async ({
  api,
  media,
  clientOf,
}) => {
  const scene = asyncProperty(rounds, async (played) => {
    const world = await createWorld(api, clientOf)
    for (const { aged, steps } of played) {
      if (aged) await age(media.ctx)
      await Promise.all(steps.map((one) => world.play(one)))
      await world.checkReaders()
    }
    await age(media.ctx)
    await untilSwept(media.ctx)
    const shown = await world.checkReaders()
    for (const mediaId of world.uploaded) {
      const found = await findMedia(media.ctx.db, mediaId as MediaId)
      expect({ mediaId, kept: found !== undefined }).toEqual({ mediaId, kept: shown.has(mediaId) })
    }
  })
  await assert(scene, { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 12), endOnFailure: true })
}, 240_000)

/** Three people, a group of them, and what each can see by the logs and profiles they read. */
async function createWorld(api: Api, clientOf: (person: Person) => ReturnType<typeof createClient>) {
  const people = [await signUp(api), await signUp(api), await signUp(api)] as [Person, Person, Person]
  const [first] = people
  const userIds = people.map(({ userId }) => userId)
  const { body } = await api.post('/v1/conversations', { name: 'G', userIds }, first.token)
  const groupId = (body['summary'] as unknown as { conversationId: string }).conversationId
  const direct = new Set<string>()
  const sent: (Message & { by: Person })[] = []
  const uploaded: string[] = []
  const png = await plainPng(8, 8)

  async function upload(who: Person): Promise<void> {
    const { mediaId } = await clientOf(who).ready('image/png', png)
    uploaded.push(mediaId)
  }
  for (const who of people) await upload(who)

  const pick = <T>(list: T[], index: number): T | undefined => list[index % list.length]

  async function play({ kind, who: index, what, where }: Step): Promise<void> {
    const who = pick(people, index) ?? first
    const mediaId = pick(uploaded, what) ?? ''
    const message = pick(sent, what)
    const place = where === 0 ? { conversationId: groupId } : { userId: userIds[(index + where) % 3] ?? '' }
    if (kind === 'upload') await upload(who)
    if (kind === 'send') {
      const { status, body: reply } = await send(api, who, place, mediaId)
      expect([201, 403, 404]).toContain(status)
      if (status !== 201) return
      const { conversationId, messageId } = reply as unknown as Message
      sent.push({ by: who, conversationId, messageId })
      if (conversationId !== groupId) direct.add(conversationId)
    }
    if (kind === 'recall' && message) await recall(api, message.by, message)
    if (kind === 'hide' && message) {
      const path = `/v1/conversations/${message.conversationId}/hidden`
      await api.post(path, { messageIds: [message.messageId] }, who.token)
    }
    if (kind === 'clear') {
      const conversationId = where === 0 ? groupId : (pick([...direct], what) ?? groupId)
      await api.post(`/v1/conversations/${conversationId}/clear`, {}, who.token)
    }
    if (kind === 'avatar') await api.patch('/v1/me', { avatar: where === 0 ? null : mediaId }, who.token)
    if (kind === 'picture') {
      const avatarUrl = where === 0 ? null : mediaId
      await api.patch(`/v1/conversations/${groupId}`, { avatarUrl }, who.token)
    }
    if (kind === 'leave' && where === 2) await api.post(`/v1/conversations/${groupId}/leave`, {}, who.token)
  }

  /** What logs, profiles and the group show each of them; what they are shown they can read. */
  async function checkReaders(): Promise<Set<string>> {
    const all = new Set<string>()
    for (const who of people) {
      const shown = await shownTo(who)
      for (const mediaId of uploaded) {
        const { status } = await clientOf(who).look(mediaId)
        if (shown.has(mediaId)) expect({ mediaId, status }).toEqual({ mediaId, status: 200 })
      }
      for (const mediaId of shown) {
        all.add(mediaId)
        expect((await clientOf(who).download(mediaId)).response.status).toBe(200)
      }
    }
    return all
  }

  async function shownTo(who: Person): Promise<Set<string>> {
    const shown = new Set<string>()
    for (const conversationId of [groupId, ...direct]) {
      const page = await api.get(`/v1/conversations/${conversationId}/entries?limit=200`, who.token)
      for (const entry of (page.body['entries'] ?? []) as Entry[]) {
        const mediaId = entry.content['mediaId']
        if (typeof mediaId === 'string') shown.add(mediaId)
      }
    }
    const group = await api.get(`/v1/conversations/${groupId}`, who.token)
    const { avatarUrl } = (group.body['summary'] ?? {}) as { avatarUrl?: string }
    if (avatarUrl) shown.add(avatarUrl)
    const { body: profiles } = await api.post('/v1/users/lookup', { userIds }, who.token)
    for (const { avatar } of profiles['users'] as unknown as { avatar?: string }[])
      if (avatar) shown.add(avatar)
    return shown
  }

  return { play, checkReaders, uploaded }
}

interface Step {
  kind: (typeof kinds)[number]
  who: number
  what: number
  where: number
}

async function objectsOf({ db }: Context, mediaId: string): Promise<string[]> {
  const media = await findMedia(db, mediaId as MediaId)
  return media ? [media.objectKey ?? '', ...media.forms.map(({ key }) => key)] : []
}
