import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import type { SyncPage } from '@parley/shared/protocol'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test as base } from './fixture.ts'

interface Talk {
  ann: Person
  ben: Person
  conversationId: string
  messageId: string
}

/** Two people with one message between them. */
const test = base.extend('talk', async ({ api }) => {
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  const { body } = await say(api, ann, ben)
  return { ann, ben, ...(body as unknown as { conversationId: string; messageId: string }) }
})

function say(api: Api, from: Person, to: Person, more: object = {}) {
  const draft = { clientMessageId: uuid(), to: { userId: to.userId }, type: 'text', content: { text: 'hi' } }
  return api.post('/v1/messages', { ...draft, ...more }, from.token)
}
const read = async (api: Api, who: Person, conversationId: string) =>
  (await api.get(`/v1/conversations/${conversationId}/entries`, who.token)).body[
    'entries'
  ] as unknown as Entry[]
const sync = async (api: Api, who: Person) =>
  (await api.get('/v1/sync', who.token)).body as unknown as SyncPage
const unread = async (api: Api, who: Person) => (await api.get('/v1/unread', who.token)).body['total']

describe('an edit', () => {
  test('changes what is read and is replayed as an entry; doing it again changes nothing', async ({
    api,
    talk,
  }) => {
    const url = `/v1/conversations/${talk.conversationId}/messages/${talk.messageId}`
    const first = await api.patch(url, { content: { text: 'hello' } }, talk.ann.token)
    expect(first.body).toEqual({ seq: 2 })
    expect((await api.patch(url, { content: { text: 'hello' } }, talk.ann.token)).body).toEqual({ seq: 2 })
    const [message, edit] = await read(api, talk.ben, talk.conversationId)
    expect(message).toMatchObject({ seq: 1, content: { text: 'hello' }, editedAt: expect.any(String) })
    expect(edit).toMatchObject({
      kind: 'edit',
      content: { messageId: talk.messageId, content: { text: 'hello' } },
    })
    expect(await unread(api, talk.ben)).toBe(1)
  })

  test('P9 is for the sender alone, and its content is checked', async ({ api, talk }) => {
    const url = `/v1/conversations/${talk.conversationId}/messages/${talk.messageId}`
    expect((await api.patch(url, { content: { text: 'x' } }, talk.ben.token)).status).toBe(403)
    expect((await api.patch(url, { content: { nonsense: 1 } }, talk.ann.token)).status).toBe(400)
    expect((await api.patch(`${url}9`, { content: { text: 'x' } }, talk.ann.token)).status).toBe(404)
    expect(await read(api, talk.ann, talk.conversationId)).toHaveLength(1)
  })
})

describe('an edit of a message that somebody does not see', () => {
  const edit = (api: Api, { ann, conversationId, messageId }: Talk) =>
    api.patch(
      `/v1/conversations/${conversationId}/messages/${messageId}`,
      { content: { text: 'a secret' } },
      ann.token,
    )
  /** What somebody gets of a log: by reading it, and by a sync. */
  const told = async (api: Api, who: Person, conversationId: string) => {
    const { conversations } = await sync(api, who)
    const change = conversations.find((it) => it.conversationId === conversationId)
    return [await read(api, who, conversationId), change?.entries ?? []]
  }

  test.for([
    [
      'who deleted the message for themselves',
      'hidden',
      (messageId: string) => ({ messageIds: [messageId] }),
    ],
    ['who cleared the log past it', 'clear', () => ({})],
  ] as const)(
    'P9 tells %s that it was there, and nothing of its words',
    async ([, route, request], { api, talk }) => {
      const { ann, ben, conversationId, messageId } = talk
      const path = `/v1/conversations/${conversationId}/${route}`
      expect((await api.post(path, request(messageId), ben.token)).status).toBe(200)
      expect((await edit(api, talk)).body).toEqual({ seq: 2 })
      for (const entries of await told(api, ben, conversationId)) {
        expect(entries.at(-1)).toMatchObject({ seq: 2, kind: 'hidden', counted: false })
        expect(JSON.stringify(entries)).not.toContain('secret')
      }
      for (const entries of await told(api, ann, conversationId))
        expect(entries.at(-1)).toMatchObject({ kind: 'edit', content: { content: { text: 'a secret' } } })
    },
  )

  test('P9 tells who came later that it was there, and nothing of its words', async ({ api }) => {
    const [ann, ben, cas] = [await signUp(api), await signUp(api), await signUp(api)]
    const made = await api.post('/v1/conversations', { name: 'G', userIds: [ben.userId] }, ann.token)
    const { conversationId } = made.body['summary'] as unknown as { conversationId: string }
    const before = await say(api, ann, ben, { to: { conversationId } })
    await api.post(`/v1/conversations/${conversationId}/members`, { userIds: [cas.userId] }, ann.token)
    const after = await say(api, ann, ben, { to: { conversationId } })
    await edit(api, { ann, ben, conversationId, messageId: String(before.body['messageId']) })
    for (const entries of await told(api, cas, conversationId)) {
      expect(entries.map(({ seq }) => seq)).toEqual([3, 4, 5])
      expect(entries.at(-1)).toMatchObject({ kind: 'hidden', counted: false })
      expect(JSON.stringify(entries)).not.toContain('secret')
    }
    await edit(api, { ann, ben, conversationId, messageId: String(after.body['messageId']) })
    for (const entries of await told(api, cas, conversationId))
      expect(entries.at(-1)).toMatchObject({ kind: 'edit' })
    for (const entries of await told(api, ben, conversationId))
      expect(entries.slice(-2)).toMatchObject([{ kind: 'edit' }, { kind: 'edit' }])
  })

  test('P9 is not for the own devices that the message was kept from', async ({ api, talk }) => {
    const { ann, ben, conversationId } = talk
    const { body } = await say(api, ann, ben, { switches: { synced: false } })
    await edit(api, { ...talk, messageId: String(body['messageId']) })
    for (const entries of await told(api, ann, conversationId)) {
      expect(entries.slice(-2)).toMatchObject([{ kind: 'hidden' }, { seq: 3, kind: 'hidden' }])
      expect(JSON.stringify(entries)).not.toContain('secret')
    }
    for (const entries of await told(api, ben, conversationId))
      expect(entries.at(-1)).toMatchObject({ kind: 'edit', content: { content: { text: 'a secret' } } })
  })
})

describe('a recall', () => {
  test('takes the words out of the message and of its edits, and it is unread no more', async ({
    api,
    talk,
  }) => {
    const url = `/v1/conversations/${talk.conversationId}/messages/${talk.messageId}`
    await api.patch(url, { content: { text: 'a secret' } }, talk.ann.token)
    expect((await api.delete(url, talk.ben.token)).status).toBe(403)
    expect((await api.delete(url, talk.ann.token)).body).toEqual({ seq: 3 })
    expect((await api.delete(url, talk.ann.token)).body).toEqual({ seq: 3 })
    const entries = await read(api, talk.ben, talk.conversationId)
    expect(JSON.stringify(entries)).not.toContain('secret')
    expect(entries[0]).toMatchObject({ content: {}, recalledAt: expect.any(String) })
    expect(await unread(api, talk.ben)).toBe(0)
    expect((await api.patch(url, { content: { text: 'back' } }, talk.ann.token)).status).toBe(409)
  })

  test('P9 of others is for owner and admins, and never of the owner', async ({ api }) => {
    const [owner, bob] = [await signUp(api), await signUp(api)]
    const draft = { name: 'G', policy: 'public', userIds: [bob.userId] }
    const made = await api.post('/v1/conversations', draft, owner.token)
    const { conversationId } = made.body['summary'] as unknown as { conversationId: string }
    const messages = `/v1/conversations/${conversationId}/messages`
    const { body: bobs } = await say(api, bob, owner, { to: { conversationId } })
    const { body: owners } = await say(api, owner, bob, { to: { conversationId } })
    expect((await api.delete(`${messages}/${owners['messageId']}`, bob.token)).status).toBe(403)
    expect((await api.delete(`${messages}/${bobs['messageId']}`, owner.token)).status).toBe(200)
  })
})

test('a reaction is there once however often it is made, and goes when it is taken back', async ({
  api,
  talk,
}) => {
  const url = `/v1/conversations/${talk.conversationId}/messages/${talk.messageId}/reactions`
  expect((await api.put(url, { emoji: '👍' }, talk.ben.token)).body).toEqual({ seq: 2 })
  expect((await api.put(url, { emoji: '👍' }, talk.ben.token)).body).toEqual({ seq: 2 })
  expect((await read(api, talk.ann, talk.conversationId))[0]?.reactions).toEqual({ '👍': [talk.ben.userId] })
  expect((await api.put(url, { emoji: '👍', remove: true }, talk.ben.token)).body).toEqual({ seq: 3 })
  expect((await read(api, talk.ann, talk.conversationId))[0]?.reactions).toBeUndefined()
  expect(await unread(api, talk.ann)).toBe(0)
})

test.for(['constructor', 'toString', 'hasOwnProperty'])(
  'P10 a reaction may be %s like any other text: it is read by everybody, beside others, and goes when it is taken back',
  async (emoji, { api, talk }) => {
    const { ann, ben, conversationId, messageId } = talk
    const url = `/v1/conversations/${conversationId}/messages/${messageId}/reactions`
    const reactions = async (who: Person) =>
      new Map(Object.entries((await read(api, who, conversationId))[0]?.reactions ?? {}))
    const replayed = async (who: Person) => {
      const change = (await sync(api, who)).conversations.find((it) => it.conversationId === conversationId)
      return new Map(Object.entries(change?.entries[0]?.reactions ?? {}))
    }
    expect((await api.put(url, { emoji, remove: true }, ben.token)).body).toEqual({ seq: 1 })
    expect((await api.put(url, { emoji }, ben.token)).body).toEqual({ seq: 2 })
    expect((await api.put(url, { emoji }, ben.token)).body).toEqual({ seq: 2 })
    expect((await api.put(url, { emoji: '👍' }, ann.token)).body).toEqual({ seq: 3 })
    const both = new Map([
      [emoji, [ben.userId]],
      ['👍', [ann.userId]],
    ])
    expect(await reactions(ann)).toEqual(both)
    expect(await replayed(ann)).toEqual(both)
    expect((await api.put(url, { emoji, remove: true }, ben.token)).body).toEqual({ seq: 4 })
    expect(await reactions(ben)).toEqual(new Map([['👍', [ann.userId]]]))
  },
)

test('P10 a reaction that could be no key of an object is refused', async ({ api, talk }) => {
  const url = `/v1/conversations/${talk.conversationId}/messages/${talk.messageId}/reactions`
  for (const remove of [false, true])
    expect(await api.put(url, { emoji: '__proto__', remove }, talk.ben.token)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
  expect(await read(api, talk.ann, talk.conversationId)).toHaveLength(1)
})

test('what one deletes for oneself others keep, and its number stays', async ({ api, talk }) => {
  const { ann, ben, conversationId, messageId } = talk
  const hide = () =>
    api.post(`/v1/conversations/${conversationId}/hidden`, { messageIds: [messageId] }, ben.token)
  expect((await hide()).status).toBe(200)
  expect((await hide()).status).toBe(200)
  expect(await read(api, ben, conversationId)).toMatchObject([{ seq: 1, kind: 'hidden', content: {} }])
  expect((await read(api, ann, conversationId))[0]).toMatchObject({ kind: 'message' })
  expect(await unread(api, ben)).toBe(0)
})

test('a log is cleared for one reader, with what was unread in it', async ({ api, talk }) => {
  const { ann, ben, conversationId } = talk
  expect((await api.post(`/v1/conversations/${conversationId}/clear`, {}, ben.token)).body).toEqual({
    seq: 1,
  })
  expect(await read(api, ben, conversationId)).toEqual([])
  expect(await read(api, ann, conversationId)).toHaveLength(1)
  const [change] = (await sync(api, ben)).conversations
  expect(change).toMatchObject({ unread: 0, watermarks: { clearedSeq: 1 } })
})

test('P4 a device that was away learns by its sync what its user deleted for themselves', async ({
  api,
  talk,
}) => {
  const { cursor } = await sync(api, talk.ben)
  await api.post(
    `/v1/conversations/${talk.conversationId}/hidden`,
    { messageIds: [talk.messageId] },
    talk.ben.token,
  )
  const url = `/v1/sync?${new URLSearchParams({ cursor }).toString()}`
  const { body } = await api.get(url, talk.ben.token)
  expect(body['conversations']).toMatchObject([{ conversationId: talk.conversationId, hiddenSeqs: [1] }])
  const hers = (await sync(api, talk.ann)).conversations.find(
    (it) => it.conversationId === talk.conversationId,
  )
  expect(hers).not.toHaveProperty('hiddenSeqs')
})

test.for([
  ['of a year before the first', [false, '0000-01-01T00:00:00Z', 'd-x']],
  ['with NUL', [false, '2026-01-01T00:00:00Z', 'd-\u0000']],
] as const)('P10 a place in the list %s is refused', async ([, place], { api }) => {
  const ann = await signUp(api)
  const next = Buffer.from(JSON.stringify(place)).toString('base64url')
  expect(await api.get(`/v1/conversations?next=${next}`, ann.token)).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_request' } },
  })
})

test('A7.3 a list has pinned conversations first, then by activity; a hidden one is back with something new', async ({
  api,
}) => {
  const [ann, ...others] = [await signUp(api), await signUp(api), await signUp(api), await signUp(api)]
  const ids: string[] = []
  for (const other of others) {
    const { body } = await say(api, other, ann)
    ids.push((body as unknown as { conversationId: string }).conversationId)
  }
  const [a, b, c] = ids as [string, string, string]
  const list = async (query = '') => {
    const { body } = await api.get(`/v1/conversations${query}`, ann.token)
    const { conversations, next } = body as unknown as {
      conversations: { conversationId: string }[]
      next?: string
    }
    return { ids: conversations.map(({ conversationId }) => conversationId), next }
  }
  expect((await list()).ids).toEqual([c, b, a])
  await api.put(`/v1/conversations/${a}/settings`, { pinned: true }, ann.token)
  await api.put(`/v1/conversations/${c}/settings`, { hidden: true }, ann.token)
  expect((await list()).ids).toEqual([a, b])
  await say(api, others[2] as Person, ann)
  const page = await list('?limit=2')
  expect(page.ids).toEqual([a, c])
  expect((await list(`?limit=2&next=${page.next}`)).ids).toEqual([b])
  expect(await unread(api, ann)).toBe(4)
})

test('who has read is told by the marks', async ({ api, talk }) => {
  const { ann, ben, conversationId, messageId } = talk
  const receipts = async () =>
    (await api.get(`/v1/conversations/${conversationId}/messages/${messageId}/receipts`, ann.token)).body
  expect(await receipts()).toMatchObject({ read: [], pending: [ben.userId] })
  await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, ben.token)
  expect(await receipts()).toMatchObject({ read: [ben.userId], delivered: [], pending: [] })
})

test('A7.5 a log is read from a time back, whatever is between', async ({ api, talk }) => {
  const { ann, ben, conversationId } = talk
  await say(api, ben, ann)
  const [, second] = await read(api, ann, conversationId)
  await say(api, ann, ben)
  const at = async (time: string) =>
    (await api.get(`/v1/conversations/${conversationId}/entries?beforeTime=${time}`, ann.token)).body[
      'entries'
    ]
  expect(await at('2000-01-01T00:00:00Z')).toEqual([])
  expect(await at('2999-01-01T00:00:00Z')).toHaveLength(3)
  // Times are given to the millisecond and kept to the microsecond.
  expect(await at(second?.sentAt ?? '')).toHaveLength(1)
})

describe('the switches of a message', () => {
  test('not kept: it has no number, and a log shows nothing of it', async ({ api, talk }) => {
    const { body } = await say(api, talk.ann, talk.ben, { switches: { stored: false } })
    expect(body).toMatchObject({ seq: 0, conversationId: talk.conversationId })
    expect(await read(api, talk.ben, talk.conversationId)).toHaveLength(1)
  })

  test('A5.14 not counted, as commands never are: it is not unread', async ({ api, talk }) => {
    await say(api, talk.ann, talk.ben, { switches: { counted: false } })
    await say(api, talk.ann, talk.ben, { type: 'command', content: { name: 'refresh' } })
    expect(await unread(api, talk.ben)).toBe(1)
  })

  test('not for the own devices: the sender reads only its number', async ({ api, talk }) => {
    await say(api, talk.ann, talk.ben, { switches: { synced: false } })
    expect((await read(api, talk.ann, talk.conversationId)).at(-1)).toMatchObject({
      kind: 'hidden',
      content: {},
    })
    expect((await read(api, talk.ben, talk.conversationId)).at(-1)).toMatchObject({ kind: 'message' })
  })
})

test('a reply refers to a message of the same conversation that is there', async ({ api, talk }) => {
  const { ann, ben, conversationId, messageId } = talk
  expect((await say(api, ben, ann, { replyTo: messageId })).status).toBe(201)
  expect((await say(api, ben, ann, { replyTo: `${conversationId}.99` })).status).toBe(404)
  expect((await say(api, ben, ann, { replyTo: 'g-elsewhere.1' })).status).toBe(404)
  for (const spelling of ['1e0', ' 1', '01', '0x1', '1.1'])
    expect((await say(api, ben, ann, { replyTo: `${conversationId}.${spelling}` })).status).toBe(404)
})
