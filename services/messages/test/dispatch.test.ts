import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { seqOfMessage } from '@parley/shared/ids'
import { gatewayOrders, roomChannel } from '@parley/shared/realtime'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { say } from './delivery-fixture.ts'
import { test as base } from './fixture.ts'

/** With what is said on Redis channels. */
const test = base.extend('listen', { scope: 'file' }, ({ redisUrl }, { onCleanup }) => {
  const client = new Redis(redisUrl)
  onCleanup(() => client.disconnect())
  const heardOn = new Map<string, string[]>()
  client.on('smessage', (from: string, text: string) => void heardOn.get(from)?.push(text))
  return async (channel: string): Promise<string[]> => {
    const heard: string[] = []
    heardOn.set(channel, heard)
    await client.ssubscribe(channel)
    return heard
  }
})

describe('after a commit', () => {
  test('the doorbell rings in the rooms of both people, as the text a client gets', async ({
    api,
    listen,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const heard = await listen(roomChannel(`u:${bob.userId}`))
    const echo = await listen(roomChannel(`u:${alice.userId}`))
    const sent = await say(api, alice, bob)
    await vi.waitUntil(() => heard.length > 0 && echo.length > 0)
    expect(heard[0]?.startsWith('42')).toBe(true)
    const [event, payload] = JSON.parse(heard[0]?.slice(2) ?? '[]')
    expect(event).toBe('entry:new')
    expect(payload).toMatchObject({
      entry: { messageId: sent.messageId, seq: 1, senderId: alice.userId },
      summary: { kind: 'direct', lastSeq: 1 },
    })
    expect(echo).toEqual(heard)
  })

  test('A6.3 an announcement that a crash left undone is made up for', async ({ api, service, listen }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, bob)
    const heard = await listen(roomChannel(`u:${bob.userId}`))
    // What a commit leaves behind when the process ends right after it.
    await service.ctx.pool.query(
      `insert into dispatch (conversation_ids, first_seqs, last_seqs, claimed_at) values (array[$1], array[1], array[1], now() - interval '1 minute')`,
      [conversationId],
    )
    await vi.waitUntil(() => heard.length > 0)
    await vi.waitUntil(async () => (await service.ctx.pool.query('select 1 from dispatch')).rows.length === 0)
  })

  test('A5.13 a notice rings at new members themselves, whose sockets may not be in the room yet', async ({
    api,
    listen,
  }) => {
    const [owner, bob, cas] = [await signUp(api), await signUp(api), await signUp(api)]
    const [atBob, atCas] = [
      await listen(roomChannel(`u:${bob.userId}`)),
      await listen(roomChannel(`u:${cas.userId}`)),
    ]
    const { body } = await api.post('/v1/conversations', { name: 'Team', userIds: [bob.userId] }, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await vi.waitUntil(() => atBob.some((text) => text.includes('group.created')))
    await api.post(`/v1/conversations/${conversationId}/members`, { userIds: [cas.userId] }, owner.token)
    await vi.waitUntil(() => atCas.some((text) => text.includes('group.members-added')))
  })

  test('new members are let into the room by an order to all gateways', async ({ api, listen }) => {
    const [owner, bob] = [await signUp(api), await signUp(api)]
    const orders = await listen(gatewayOrders)
    const { body } = await api.post('/v1/conversations', { name: 'Team', userIds: [bob.userId] }, owner.token)
    const { conversationId } = body['summary'] as unknown as { conversationId: string }
    await vi.waitUntil(() => orders.some((text) => text.includes(conversationId)))
    expect(orders.map((text) => JSON.parse(text))).toContainEqual({
      kind: 'join',
      userIds: [owner.userId, bob.userId],
      conversationId,
      lastSeq: 1,
    })
  })
})

describe('the doorbell of an edit', () => {
  const edit = async (
    api: Api,
    who: Person,
    { conversationId, messageId, text }: { conversationId: string; messageId: string; text: string },
  ) => {
    const path = `/v1/conversations/${conversationId}/messages/${messageId}`
    return Number((await api.patch(path, { content: { text } }, who.token)).body['seq'])
  }
  const grown = (conversationId: string, lastSeq: number) =>
    `42${JSON.stringify(['log:grown', { conversationId, lastSeq }])}`

  test('P9 says nothing of its words in a group that somebody entered after the message', async ({
    api,
    listen,
  }) => {
    const [ann, ben, cas] = [await signUp(api), await signUp(api), await signUp(api)]
    const made = await api.post('/v1/conversations', { name: 'G', userIds: [ben.userId] }, ann.token)
    const { conversationId } = made.body['summary'] as unknown as { conversationId: string }
    const heard = await listen(roomChannel(`c:${conversationId}`))
    const draft = { clientMessageId: uuid(), to: { conversationId }, type: 'text', content: { text: 'hi' } }
    const messageId = String((await api.post('/v1/messages', draft, ann.token)).body['messageId'])
    await edit(api, ann, { conversationId, messageId, text: 'for all' })
    await vi.waitUntil(() => heard.some((text) => text.includes('for all')))
    await api.post(`/v1/conversations/${conversationId}/members`, { userIds: [cas.userId] }, ann.token)
    const seq = await edit(api, ann, { conversationId, messageId, text: 'a secret' })
    await vi.waitUntil(() => heard.some((text) => text.includes(`"lastSeq":${seq}`)))
    expect(heard.at(-1)).toBe(grown(conversationId, seq))
  })

  test.for([
    ['deleted for themselves', 'hidden', (messageId: string) => ({ messageIds: [messageId] })],
    ['cleared away', 'clear', () => ({})],
  ] as const)(
    'P9 says nothing of its words where somebody has the message %s',
    async ([, route, request], { api, listen }) => {
      const [ann, ben] = [await signUp(api), await signUp(api)]
      const { conversationId, messageId } = await say(api, ann, ben)
      await api.post(`/v1/conversations/${conversationId}/${route}`, request(messageId), ben.token)
      const heard = await listen(roomChannel(`u:${ben.userId}`))
      const seq = await edit(api, ann, { conversationId, messageId, text: 'a secret' })
      await vi.waitUntil(() => heard.some((text) => text.includes(`"lastSeq":${seq}`)))
      expect(heard.filter((text) => text.includes(`"lastSeq":${seq}`))).toEqual([grown(conversationId, seq)])
    },
  )

  test('P9 is not heard by the own devices that the message was kept from', async ({ api, listen }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, ann, ben)
    const [atAnn, atBen] = [
      await listen(roomChannel(`u:${ann.userId}`)),
      await listen(roomChannel(`u:${ben.userId}`)),
    ]
    const draft = {
      clientMessageId: uuid(),
      to: { conversationId },
      type: 'text',
      content: { text: 'hi' },
      switches: { synced: false },
    }
    const messageId = String((await api.post('/v1/messages', draft, ann.token)).body['messageId'])
    await edit(api, ann, { conversationId, messageId, text: 'a secret' })
    await vi.waitUntil(() => atBen.some((text) => text.includes('a secret')))
    await say(api, ann, ben, 'to all devices')
    await vi.waitUntil(() => atAnn.some((text) => text.includes('to all devices')))
    expect(atAnn.join()).not.toContain('a secret')
  })

  test('P9 says nothing of its words when it is made up for: who sees the message may have changed', async ({
    api,
    service,
    listen,
  }) => {
    const [ann, ben] = [await signUp(api), await signUp(api)]
    const { conversationId, messageId } = await say(api, ann, ben)
    const heard = await listen(roomChannel(`u:${ben.userId}`))
    const seq = await edit(api, ann, { conversationId, messageId, text: 'a secret' })
    await vi.waitUntil(() => heard.some((text) => text.includes('a secret')))
    await api.post(`/v1/conversations/${conversationId}/hidden`, { messageIds: [messageId] }, ben.token)
    await vi.waitUntil(() => heard.some((text) => text.includes('message:hidden')))
    heard.length = 0
    await service.ctx.pool.query(
      `insert into dispatch (conversation_ids, first_seqs, last_seqs, claimed_at) values (array[$1], array[$2::bigint], array[$2::bigint], now() - interval '1 minute')`,
      [conversationId, seq],
    )
    await vi.waitUntil(() => heard.length > 0)
    expect(heard[0]).toBe(grown(conversationId, seq))
  })
})

test('P4 the end of a group is told to each of its people, whose gateways may not hear the group yet', async ({
  api,
  listen,
}) => {
  const [alice, bob] = [await signUp(api), await signUp(api)]
  const draft = { name: 'G', policy: 'public', userIds: [bob.userId] }
  const { body } = await api.post('/v1/conversations', draft, alice.token)
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  const heard = await listen(roomChannel(`u:${bob.userId}`))
  expect((await api.delete(`/v1/conversations/${conversationId}`, alice.token)).status).toBe(200)
  const ended = JSON.stringify([
    'conversation:ended',
    { conversationId, reason: 'dissolved', by: alice.userId },
  ])
  await vi.waitUntil(() => heard.includes(`42${ended}`))
})

test('A6.10 unread follows from what rings alone: whose it is, whether it counts, and recalls', async ({
  api,
  listen,
}) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const { conversationId, messageId } = await say(api, ann, ben)
  const talk = `/v1/conversations/${conversationId}`
  const heard = await listen(roomChannel(`u:${ben.userId}`))
  expect((await api.put(`${talk}/notifications`, { level: 'none' }, ben.token)).status).toBe(204)
  const draft = (more: object = {}) => ({
    clientMessageId: uuid(),
    to: { conversationId },
    type: 'text',
    content: { text: 'hi' },
    ...more,
  })
  await api.post('/v1/messages', draft(), ann.token)
  await api.post('/v1/messages', draft({ switches: { counted: false } }), ann.token)
  await api.post('/v1/messages', draft({ type: 'command', content: { name: 'refresh' } }), ann.token)
  await api.post('/v1/messages', draft(), ben.token)
  await api.patch(`${talk}/messages/${messageId}`, { content: { text: 'hello' } }, ann.token)
  await api.put(`${talk}/messages/${messageId}/reactions`, { emoji: '👍' }, ann.token)
  await api.post('/v1/messages', draft(), ann.token)
  const { body } = await api.delete(`${talk}/messages/${messageId}`, ann.token)
  await vi.waitUntil(() => heard.some((text) => text.includes(`"seq":${body['seq']}`)))

  const counted = new Set([1])
  for (const text of heard) {
    const [event, payload] = JSON.parse(text.slice(2)) as [
      string,
      { entry: Entry; summary: { lastSeq: number } },
    ]
    if (event !== 'entry:new') continue
    const { entry, summary } = payload
    expect(summary.lastSeq).toBe(entry.seq)
    if (entry.counted !== false && entry.senderId !== ben.userId) counted.add(entry.seq)
    if (entry.kind === 'recall') counted.delete(seqOfMessage(String(entry.content['messageId'])) ?? 0)
  }
  expect(counted.size).toBe(2)
  expect((await api.get('/v1/unread', ben.token)).body['total']).toBe(counted.size)
  // What rang is what is read later.
  const { body: log } = await api.get(`${talk}/entries`, ben.token)
  const read = (log['entries'] as unknown as Entry[]).filter(
    ({ counted: counts, senderId, recalledAt }) => counts !== false && senderId !== ben.userId && !recalledAt,
  )
  expect(read.map(({ seq }) => seq)).toEqual([...counted])
})

test('A6.10 in a group whose kind counts nothing, every entry says so', async ({ api, listen }) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const group = { name: 'Hall', policy: 'chatroom', userIds: [] }
  const { body } = await api.post('/v1/conversations', group, ann.token)
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  const heard = await listen(roomChannel(`c:${conversationId}`))
  await api.post(`/v1/conversations/${conversationId}/join`, {}, ben.token)
  const draft = { clientMessageId: uuid(), to: { conversationId }, type: 'text', content: { text: 'hi' } }
  await api.post('/v1/messages', draft, ann.token)
  await vi.waitUntil(() => heard.some((text) => text.includes(draft.clientMessageId)))
  expect(
    heard.filter((text) => text.includes('entry:new')).every((text) => text.includes('"counted":false')),
  ).toBe(true)
})
