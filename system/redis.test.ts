import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { queuePrefix } from '@parley/shared/jobs'
import { chatPush } from '@parley/shared/queues'
import { gatewayOrders, roomChannel, userRoom } from '@parley/shared/realtime'
import { type Api, logIn, type Person, signUp } from '@parley/testing/chat-api'
import type { ChatClient } from '@parley/testing/chat-client'
import { describe, expect, vi } from 'vitest'
import { test as base } from './fixture.ts'
import { type OtherRedis, startOtherRedis } from './other-redis.ts'

const picture = path.join(import.meta.dirname, '../infra/local/assets/seeding.jpg')
const channelOf = ({ userId }: Person) => roomChannel(userRoom(userId as never))
const patience = { interval: 50 }

const payloadsOf = <T>(client: ChatClient, event: string) =>
  client.events.filter(({ name }) => name === event).map(({ payload }) => payload as T)

/** Whether a doorbell brought it, rather than a look of the client's own. */
const wasRung = (client: ChatClient, conversationId: string, seq: number) =>
  payloadsOf<{ entry: { conversationId: string; seq: number } }>(client, 'entry:new').some(
    ({ entry }) => entry.conversationId === conversationId && entry.seq === seq,
  )

/** Talks until told to stop, a word after the answer to the one before. */
function talk(client: ChatClient, userId: string) {
  const acked: number[] = []
  let longestMs = 0
  let isOver = false
  const talking = (async () => {
    while (!isOver) {
      const startedAt = performance.now()
      const { seq } = await client.send({ userId }, 'text', { text: `word ${acked.length}` })
      acked.push(seq)
      longestMs = Math.max(longestMs, performance.now() - startedAt)
    }
  })()
  // Whoever stops it is told; a test that has failed before stops nobody.
  talking.catch(() => undefined)
  return {
    acked,
    async stop(): Promise<number> {
      isOver = true
      await talking
      return longestMs
    },
  }
}

async function upload(api: Api, { token }: Person): Promise<string> {
  const bytes = await readFile(picture)
  const what = { fileName: 'seeding.jpg', contentType: 'image/jpeg', sizeBytes: bytes.length }
  const { body } = await api.post('/v1/media/uploads', what, token)
  const ticket = body as unknown as {
    mediaId: string
    upload: { method: string; url: string; headers: Record<string, string> }
  }
  const { url, ...request } = ticket.upload
  expect((await fetch(url, { ...request, body: new Uint8Array(bytes) })).ok).toBe(true)
  await api.post(`/v1/media/uploads/${ticket.mediaId}/complete`, {}, token)
  return ticket.mediaId
}

for (const kind of ['cluster', 'sentinel'] as const) {
  const test = base.extend(
    'otherRedis',
    { scope: 'file' },
    async ({}, { onCleanup }): Promise<OtherRedis | undefined> => {
      const redis = await startOtherRedis(kind)
      onCleanup(() => redis?.[Symbol.asyncDispose]())
      return redis
    },
  )

  describe(`the product on Redis as a ${kind}`, () => {
    test('two people on two gateways write, type, see each other come, read and share a picture, and the away one is pushed', async ({
      api,
      stack,
      connect,
      friends: { ann, ben, annClient, benClient },
      pushesTo,
    }) => {
      const { conversationId, seq } = await annClient.send({ userId: ben.userId }, 'text', { text: 'hello' })
      await vi.waitUntil(() => wasRung(benClient, conversationId, seq), patience)

      expect(await annClient.ask('typing:set', { conversationId, typing: true })).toMatchObject({
        data: { relayed: true },
      })
      await vi.waitUntil(() => payloadsOf(benClient, 'typing:changed').length === 1, patience)
      await benClient.ask('receipt:read', { conversationId, seq })
      await vi.waitUntil(
        () => payloadsOf<{ kind: string }>(annClient, 'receipt:moved').some((it) => it.kind === 'read'),
        patience,
      )

      const group = await api.post('/v1/conversations', { name: 'Team', userIds: [ben.userId] }, ann.token)
      const { conversationId: groupId } = group.body['summary'] as unknown as { conversationId: string }
      const inGroup = await annClient.send({ conversationId: groupId }, 'text', { text: 'hello team' })
      await vi.waitUntil(() => benClient.lastSeq(groupId) === inGroup.seq, patience)

      const mediaId = await upload(api, ann)
      await vi.waitUntil(
        () =>
          payloadsOf<{ mediaId: string; status: string }>(annClient, 'media:changed').some(
            (it) => it.mediaId === mediaId && it.status === 'ready',
          ),
        patience,
      )

      const cas = await signUp(api, 'cas')
      await api.post('/v1/contacts/requests', { userId: cas.userId }, ann.token)
      await api.post(`/v1/contacts/${ann.userId}/accept`, {}, cas.token)
      await annClient.ask('presence:watch', { userIds: [cas.userId], watch: true })
      await connect(cas, stack.urls.gateways[1])
      await vi.waitUntil(
        () =>
          payloadsOf<{ states: { userId: string; online: boolean }[] }>(annClient, 'presence:changed')
            .flatMap(({ states }) => states)
            .some(({ userId, online }) => userId === cas.userId && online),
        patience,
      )

      const token = randomBytes(32).toString('hex')
      await api.put('/v1/devices/current/push', { kind: 'apns', token, environment: 'sandbox' }, ben.token)
      await benClient[Symbol.asyncDispose]()
      const last = await annClient.send({ userId: ben.userId }, 'text', { text: 'are you there?' })
      await vi.waitUntil(async () => (await pushesTo(token)).length > 0, patience)
      const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
      await vi.waitUntil(() => tablet.lastSeq(conversationId) === last.seq, patience)
      expect(await pushesTo(token)).toHaveLength(1)
    })

    test('P1 P4 P6 a primary that dies delays no answer and loses no message: devices ask for what doorbells missed, hear again, and the away one is pushed', async ({
      api,
      otherRedis,
      connect,
      stack,
      friends: { annClient },
      pushesTo,
    }) => {
      const queue = queuePrefix(chatPush.queue)
      let ben = await signUp(api, 'ben')
      // Doorbells and pushes through the same primary, so that both fail.
      while (!(await otherRedis?.isTogether(channelOf(ben), queue))) ben = await signUp(api, 'ben')
      const benClient = await connect(ben, stack.urls.gateways[1])
      const before = benClient.socket.id
      const { conversationId } = await annClient.send({ userId: ben.userId }, 'text', { text: 'first' })
      // A device that has nothing of a conversation yet may be given only its newest entries.
      await vi.waitUntil(() => benClient.lastSeq(conversationId) === 1, patience)
      const talking = talk(annClient, ben.userId)
      await otherRedis?.kill(queue)
      await vi.waitUntil(() => payloadsOf(benClient, 'log:stale').length > 0, patience)
      const longestMs = await talking.stop()
      expect(longestMs).toBeLessThan(5_000)
      const last = talking.acked.at(-1) ?? 0
      await vi.waitUntil(() => benClient.lastSeq(conversationId) === last, patience)
      const texts = new Set(benClient.entries(conversationId).map(({ seq }) => seq))
      expect(talking.acked.filter((seq) => !texts.has(seq))).toEqual([])

      // Sentinels tell of a new primary one after the other, and connections may end with each.
      const live: number[] = []
      await vi.waitUntil(async () => {
        live.push((await annClient.send({ userId: ben.userId }, 'text', { text: 'live again?' })).seq)
        return live.some((seq) => wasRung(benClient, conversationId, seq))
      }, patience)
      // What was said before a doorbell was heard again is not lost either.
      await vi.waitUntil(() => benClient.lastSeq(conversationId) === live.at(-1), patience)
      expect(benClient.socket.id).toBe(before)

      const tablet = await connect(await logIn(api, ben.userId, 'tablet'), stack.urls.gateways[0])
      const token = randomBytes(32).toString('hex')
      await api.put('/v1/devices/current/push', { kind: 'apns', token, environment: 'sandbox' }, ben.token)
      for (const client of [benClient, tablet]) await client[Symbol.asyncDispose]()
      await annClient.send({ userId: ben.userId }, 'text', { text: 'good night' })
      await vi.waitUntil(async () => (await pushesTo(token)).length > 0, patience)
    })
  })

  if (kind === 'cluster')
    test('P4 P6 slots that move while sockets listen and jobs wait leave nobody deaf and nothing unpushed', async ({
      api,
      otherRedis,
      friends: { ann, ben, annClient, benClient },
      pushesTo,
    }) => {
      const token = randomBytes(32).toString('hex')
      await api.put('/v1/devices/current/push', { kind: 'apns', token, environment: 'sandbox' }, ann.token)
      const { conversationId } = await annClient.send({ userId: ben.userId }, 'text', { text: 'first' })
      await vi.waitUntil(() => benClient.lastSeq(conversationId) === 1, patience)
      const talking = talk(annClient, ben.userId)
      await otherRedis?.moveSlots([
        channelOf(ben),
        channelOf(ann),
        gatewayOrders,
        'parley:gateways',
        queuePrefix(chatPush.queue),
      ])
      await vi.waitUntil(() => payloadsOf(benClient, 'log:stale').length > 0, patience)
      await talking.stop()
      const { seq } = await annClient.send({ userId: ben.userId }, 'text', { text: 'moved' })
      await vi.waitUntil(() => wasRung(benClient, conversationId, seq), patience)
      await vi.waitUntil(() => benClient.lastSeq(conversationId) === seq, patience)
      expect(benClient.entries(conversationId).map((entry) => entry.seq)).toEqual(
        Array.from({ length: seq }, (_, i) => i + 1),
      )
      await annClient[Symbol.asyncDispose]()
      await benClient.send({ userId: ann.userId }, 'text', { text: 'sleep well' })
      await vi.waitUntil(async () => (await pushesTo(token)).length > 0, patience)
    })
}
