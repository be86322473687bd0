import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { type Api, createApi, logIn, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { makeApiKey } from '../src/server-api/api-keys.ts'
import { Scope } from '../src/server-api/scopes.ts'
import { startMessages } from '../src/service.ts'
import { test as base } from './fixture.ts'

const everything = makeApiKey('everything', [...Scope.options])
const keyOf = new Map(Scope.options.map((scope) => [scope, makeApiKey(scope.replace(':', '-'), [scope])]))
const slow = makeApiKey('slow', ['users:read'])
const { key } = everything

/** An instance with a server API beside the one without. */
const test = base
  .extend('serving', { scope: 'file' }, async ({ config }, { onCleanup }) => {
    const keys = [everything.entry, ...[...keyOf.values()].map(({ entry }) => entry)]
    const serving = await startMessages({ ...config, serverApi: { port: 0, keys, requestsPerSecond: 100 } })
    onCleanup(() => serving[Symbol.asyncDispose]())
    return serving
  })
  .extend('server', { scope: 'file' }, ({ serving }) => createApi(serving.serverApiUrl ?? ''))

const hello = (to: object, more: object = {}) => ({
  clientMessageId: uuid(),
  to,
  type: 'text',
  content: { text: 'hi' },
  ...more,
})
const entriesOf = async (api: Api, who: Person, id: string) =>
  (await api.get(`/v1/conversations/${id}/entries`, who.token)).body['entries'] as unknown as Entry[]
async function foundGroup(server: Api, creator: Person, members: Person[], more: object = {}) {
  const group = { name: 'G', userIds: members.map(({ userId }) => userId), ...more }
  const made = await server.post('/server/v1/conversations', { creatorId: creator.userId, group }, key)
  expect(made).toMatchObject({ status: 201 })
  return (made.body['summary'] as unknown as { conversationId: string }).conversationId
}
const code = (reply: Awaited<ReturnType<Api['get']>>) => reply.body.error?.code

describe('P9 the server API', () => {
  const routes: [Scope, string, string, unknown?][] = [
    ['users:read', 'get', '/server/v1/users/nobody'],
    ['users:write', 'post', '/server/v1/users', { users: [{ userId: `scope-${uuid().slice(0, 8)}` }] }],
    ['users:write', 'patch', '/server/v1/users/nobody', { displayName: 'N' }],
    ['users:write', 'delete', '/server/v1/users/nobody'],
    ['users:write', 'put', '/server/v1/users/nobody/suspension', {}],
    ['users:write', 'delete', '/server/v1/users/nobody/suspension'],
    ['users:write', 'delete', '/server/v1/users/nobody/sessions'],
    ['messages:send', 'post', '/server/v1/messages', { message: hello({ userId: 'nobody' }) }],
    [
      'messages:override',
      'post',
      '/server/v1/messages/override',
      { senderId: 'nobody', message: hello({ userId: 'a' }) },
    ],
    ['messages:recall', 'delete', '/server/v1/conversations/nowhere/messages/nowhere.1'],
    ['entries:read', 'get', '/server/v1/conversations/nowhere/entries'],
    ['groups:read', 'get', '/server/v1/conversations/nowhere'],
    ['groups:read', 'get', '/server/v1/conversations/nowhere/members'],
    ['groups:write', 'post', '/server/v1/conversations', { creatorId: 'nobody', group: { name: 'G' } }],
    ['groups:write', 'patch', '/server/v1/conversations/nowhere', { name: 'N' }],
    ['groups:write', 'post', '/server/v1/conversations/nowhere/members', { userIds: ['a'] }],
    ['groups:write', 'post', '/server/v1/conversations/nowhere/kicks', { userIds: ['a'] }],
    ['groups:write', 'delete', '/server/v1/conversations/nowhere'],
    ['webhooks:write', 'get', '/server/v1/webhooks'],
    ['webhooks:write', 'get', '/server/v1/webhooks/none/dead'],
    ['webhooks:write', 'post', '/server/v1/webhooks/none/replay', {}],
    ['webhooks:write', 'post', '/server/v1/webhooks/none/enable', {}],
    ['webhooks:write', 'delete', '/server/v1/webhooks/none'],
    ['types:write', 'get', '/server/v1/message-types'],
    ['types:write', 'put', '/server/v1/message-types/scope.test', {}],
    ['types:write', 'delete', '/server/v1/message-types/scope.none'],
  ]
  const ask = (server: Api, [, method, path, body]: (typeof routes)[number], shown?: string) =>
    method === 'get' || method === 'delete'
      ? server[method](path, shown)
      : server[method as 'post'](path, body, shown)

  test.for(routes)('asks for the scope %s: %s %s', async (route, { server }) => {
    const [scope] = route
    const has = keyOf.get(scope)?.key
    const answered = await ask(server, route, has)
    expect(answered.status).not.toBe(401)
    expect(answered.body.error?.message ?? '').not.toContain('scope')
    for (const [other, { key: lacks }] of keyOf) {
      if (other === scope) continue
      const refused = await ask(server, route, lacks)
      expect([other, refused.status, code(refused)]).toEqual([other, 403, 'forbidden'])
    }
  })

  test("is not opened by a user's token, by nothing, or by another key", async ({ api, server }) => {
    const { token } = await signUp(api)
    for (const shown of [token, undefined, makeApiKey('everything', ['users:read']).key]) {
      expect(code(await server.get('/server/v1/users/somebody', shown))).toBe('unauthenticated')
    }
    expect(code(await api.get('/v1/me', key))).toBe('unauthenticated')
  })

  test('is on no port but its own, and on none without keys', async ({ service, serving }) => {
    for (const url of [serving.url, serving.internalUrl]) {
      expect((await createApi(url).get('/server/v1/message-types', key)).status).toBe(404)
    }
    expect(service.serverApiUrl).toBeUndefined()
  })

  test('P10 a key that asks too often is told when to come back, and others are answered', async ({
    config,
  }) => {
    const serverApi = { port: 0, keys: [slow.entry, everything.entry], requestsPerSecond: 1 }
    await using strict = await startMessages({ ...config, serverApi })
    const server = createApi(strict.serverApiUrl ?? '')
    const asked = Array.from({ length: 60 }, () => server.get('/server/v1/users/nobody', slow.key))
    const refused = (await Promise.all(asked)).filter((reply) => code(reply) === 'rate_limited')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ status, headers }) => status === 429 && headers.has('retry-after'))).toBe(true)
    expect((await server.get('/server/v1/message-types', key)).status).toBe(200)
  })
})

describe('importing users', () => {
  test('creates who is not there, each with a result, and doing it again changes nothing', async ({
    api,
    server,
  }) => {
    const [a, b] = [`Imp-${uuid().slice(0, 8)}`, `imp-${uuid().slice(0, 8)}`]
    const users = [
      { userId: a, displayName: 'Ada', avatar: 'https://example.com/a.png', discoverable: false },
      { userId: b, password: 'correct horse battery' },
      { userId: a.toLowerCase() },
    ]
    const send = async () => (await server.post('/server/v1/users', { users }, key)).body['results']
    const twice = { userId: a.toLowerCase(), result: 'refused', reason: 'named-twice' }
    expect(await send()).toEqual([{ userId: a, result: 'created' }, { userId: b, result: 'created' }, twice])
    expect(await send()).toEqual([{ userId: a, result: 'already' }, { userId: b, result: 'already' }, twice])
    const differs = await server.post('/server/v1/users', { users: [{ userId: a.toLowerCase() }] }, key)
    expect(differs.body['results']).toMatchObject([{ result: 'refused', reason: 'id-differs-in-case' }])
    expect((await server.get(`/server/v1/users/${a}`, key)).body).toMatchObject({
      displayName: 'Ada',
      avatar: 'https://example.com/a.png',
      discoverable: false,
    })
    expect((await logIn(api, b)).token).not.toBe('')
  })

  test('P10 a list with anything wrong in it is refused as a whole', async ({ server }) => {
    const userId = `never-${uuid().slice(0, 8)}`
    const wrong = [
      [{ userId }, { userId: '@system' }],
      [{ userId, admin: true }],
      [],
      Array.from({ length: 501 }, (_, i) => ({ userId: `${userId}-${i}` })),
      Array.from({ length: 51 }, (_, i) => ({ userId: `${userId}-${i}`, password: 'long enough' })),
    ]
    for (const users of wrong)
      expect(code(await server.post('/server/v1/users', { users }, key))).toBe('invalid_request')
    expect((await server.get(`/server/v1/users/${userId}`, key)).status).toBe(404)
    expect((await server.get(`/server/v1/users/${userId}-0`, key)).status).toBe(404)
  })

  test('a user is changed, suspended and restored', async ({ api, server }) => {
    const person = await signUp(api)
    const path = `/server/v1/users/${person.userId}`
    expect((await server.patch(path, { displayName: 'New' }, key)).body).toMatchObject({ displayName: 'New' })
    expect((await server.put(`${path}/suspension`, { reason: 'spam' }, key)).status).toBe(204)
    expect((await server.get(path, key)).body).toMatchObject({ suspensionReason: 'spam' })
    expect(code(await api.get('/v1/me', person.token))).toBe('account_suspended')
    expect((await server.delete(`${path}/suspension`, key)).status).toBe(204)
    const back = await logIn(api, person.userId)
    expect((await api.get('/v1/me', back.token)).status).toBe(200)
    expect((await server.delete(`${path}/sessions`, key)).status).toBe(204)
    expect(code(await api.get('/v1/me', back.token))).toBe('unauthenticated')
  })
})

describe('deleting a user', () => {
  test('ends sessions, passes groups on, tells contacts and forgets who it was; the id stays taken', async ({
    api,
    server,
  }) => {
    const [ada, bob] = (await Promise.all([signUp(api, 'ada', { displayName: 'Ada' }), signUp(api)])) as [
      Person,
      Person,
    ]
    const group = await foundGroup(server, ada, [bob], { policy: 'public' })
    const { body: sent } = await api.post('/v1/messages', hello({ userId: bob.userId }), ada.token)
    await api.post('/v1/contacts/requests', { userId: bob.userId }, ada.token)
    await api.post(`/v1/contacts/${ada.userId}/accept`, {}, bob.token)
    const path = `/server/v1/users/${ada.userId}`
    expect((await server.delete(path, key)).status).toBe(204)
    expect((await server.delete(path, key)).status).toBe(204)

    expect(code(await api.get('/v1/me', ada.token))).toBe('unauthenticated')
    expect((await server.get(path, key)).body).toMatchObject({
      discoverable: false,
      suspensionReason: '@deleted',
    })
    expect((await server.get(path, key)).body['displayName']).toBeUndefined()
    const { body: members } = await server.get(`/server/v1/conversations/${group}/members`, key)
    expect(members['members']).toMatchObject([{ userId: bob.userId, role: 'owner' }])
    expect((await entriesOf(api, bob, group)).map(({ type }) => type).slice(-2)).toEqual([
      'group.owner-changed',
      'group.left',
    ])
    expect((await api.get('/v1/contacts', bob.token)).body['contacts']).toEqual([])
    expect(await entriesOf(api, bob, String(sent['conversationId']))).toMatchObject([
      { content: { text: 'hi' } },
    ])
    expect(code(await api.post('/v1/messages', hello({ userId: ada.userId }), bob.token))).toBe('forbidden')
    const again = await server.post('/server/v1/users', { users: [{ userId: ada.userId }] }, key)
    expect(again.body['results']).toMatchObject([{ result: 'already' }])
    const invited = await server.post(
      `/server/v1/conversations/${group}/members`,
      { userIds: [ada.userId] },
      key,
    )
    expect(invited.body['results']).toMatchObject([{ result: 'refused', reason: 'no-such-user' }])
    const pretended = await server.put(`${path}/suspension`, { reason: '@deleted' }, key)
    expect(code(pretended)).toBe('invalid_request')
  })

  test('P9 is for good: who is deleted can be neither suspended, nor restored, nor named again', async ({
    api,
    server,
  }) => {
    const [ada, bob] = [await signUp(api), await signUp(api)]
    await api.post('/v1/messages', hello({ userId: bob.userId }), ada.token)
    const path = `/server/v1/users/${ada.userId}`
    expect((await server.put(`${path}/suspension`, { reason: 'spam' }, key)).status).toBe(204)
    expect((await server.delete(path, key)).status).toBe(204)
    expect(code(await server.put(`${path}/suspension`, { reason: 'spam' }, key))).toBe('not_found')
    expect(code(await server.delete(`${path}/suspension`, key))).toBe('not_found')
    expect(code(await server.patch(path, { displayName: 'Ada' }, key))).toBe('not_found')
    expect((await server.get(path, key)).body).toMatchObject({ suspensionReason: '@deleted' })
  })

  test('takes them out of groups whose kind is configured no more, which pass on', async ({
    api,
    server,
    serving,
  }) => {
    const [ada, bob] = [await signUp(api), await signUp(api)]
    const group = await foundGroup(server, ada, [bob], { policy: 'public' })
    const { pool } = serving.ctx
    await pool.query(`update conversation set policy = 'gone' where conversation_id = $1`, [group])
    expect((await server.delete(`/server/v1/users/${ada.userId}`, key)).status).toBe(204)
    const members = await pool.query('select user_id, role from member where conversation_id = $1', [group])
    expect(members.rows).toEqual([{ user_id: bob.userId, role: 'owner' }])
  })
})

describe('sending from a server', () => {
  test('P2 as the system into a group: stored once, counted, and nobody else can be that sender', async ({
    api,
    server,
  }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    const conversationId = await foundGroup(server, ada, [bob])
    const message = hello({ conversationId }, { type: 'shop.order', content: { order: 7 } })
    const first = await server.post('/server/v1/messages', { message }, key)
    expect(first).toMatchObject({ status: 201, body: { conversationId, seq: 2 } })
    expect((await server.post('/server/v1/messages', { message }, key)).body).toEqual(first.body)
    const { body } = await api.get('/v1/conversations', bob.token)
    expect(body['conversations']).toMatchObject([{ unread: 1, lastEntry: { senderId: '@system' } }])
    const forged = { senderId: '@system', message }
    expect(code(await server.post('/server/v1/messages', forged, key))).toBe('invalid_request')
  })

  test('as the system to a person: in the log that only they read', async ({ api, server }) => {
    const bob = await signUp(api)
    const sent = await server.post('/server/v1/messages', { message: hello({ userId: bob.userId }) }, key)
    const id = String(sent.body['conversationId'])
    expect((await entriesOf(api, bob, id)).at(-1)).toMatchObject({ senderId: '@system', kind: 'message' })
    const answered = await api.post('/v1/messages', hello({ conversationId: id }), bob.token)
    expect(code(answered)).toBe('forbidden')
    for (const to of [{ userId: 'nobody-at-all' }, { conversationId: 'nowhere' }])
      expect(code(await server.post('/server/v1/messages', { message: hello(to) }, key))).toBe('not_found')
  })

  test('P9 as a user with the rights of that user, and without them by a scope of its own', async ({
    api,
    server,
  }) => {
    const [ada, bob, cas] = (await Promise.all([signUp(api), signUp(api), signUp(api)])) as [
      Person,
      Person,
      Person,
    ]
    const conversationId = await foundGroup(server, ada, [bob])
    const as = (who: Person, path = '/server/v1/messages') =>
      server.post(path, { senderId: who.userId, message: hello({ conversationId }) }, key)
    expect((await as(bob)).status).toBe(201)
    expect(code(await as(cas))).toBe('forbidden')
    await server.put(`/server/v1/conversations/${conversationId}/silence`, { silenced: true }, key)
    expect(code(await as(bob))).toBe('forbidden')
    expect((await as(bob, '/server/v1/messages/override')).status).toBe(201)
    await server.put(`/server/v1/users/${ada.userId}/suspension`, {}, key)
    expect(code(await as(ada))).toBe('account_suspended')
    const log = await entriesOf(api, bob, conversationId)
    expect(log.filter(({ kind }) => kind === 'message').map(({ senderId }) => senderId)).toEqual([
      bob.userId,
      bob.userId,
    ])
  })

  test.for([
    [
      'blocks them',
      (api: Api, to: Person, from: Person) => api.put(`/v1/contacts/${from.userId}/block`, {}, to.token),
    ],
    [
      'takes contacts only',
      (api: Api, to: Person) => api.patch('/v1/me', { messagesFrom: 'contacts' }, to.token),
    ],
  ] as const)(
    'P9 as a user to somebody who %s, by that scope, and only by it',
    async ([, shut], { api, server }) => {
      const [ada, bob] = [await signUp(api), await signUp(api)]
      await shut(api, bob, ada)
      const as = (path: string) =>
        server.post(path, { senderId: ada.userId, message: hello({ userId: bob.userId }) }, key)
      for (const seq of [1, 2]) {
        expect(code(await as('/server/v1/messages'))).toBe('forbidden')
        expect(await as('/server/v1/messages/override')).toMatchObject({ status: 201, body: { seq } })
        expect(code(await api.post('/v1/messages', hello({ userId: bob.userId }), ada.token))).toBe(
          'forbidden',
        )
      }
    },
  )

  test('P10 content is checked as everywhere, and nothing goes into a group that was dissolved', async ({
    api,
    server,
  }) => {
    const ada = await signUp(api)
    const conversationId = await foundGroup(server, ada, [])
    const wrong = hello({ conversationId }, { content: { text: '' } })
    expect(code(await server.post('/server/v1/messages', { message: wrong }, key))).toBe('invalid_request')
    expect((await entriesOf(api, ada, conversationId)).length).toBe(1)
    await server.delete(`/server/v1/conversations/${conversationId}`, key)
    const late = { message: hello({ conversationId }) }
    expect(code(await server.post('/server/v1/messages', late, key))).toBe('not_found')
    const forced = { senderId: ada.userId, message: hello({ conversationId }) }
    expect(code(await server.post('/server/v1/messages/override', forced, key))).toBe('forbidden')
  })
})

describe('moderating', () => {
  test('reads what was said between two people and takes a message back', async ({ api, server }) => {
    const [ada, bob] = (await Promise.all([signUp(api), signUp(api)])) as [Person, Person]
    const { body } = await api.post('/v1/messages', hello({ userId: bob.userId }), ada.token)
    const path = `/server/v1/conversations/${body['conversationId']}`
    const seen = (await server.get(`${path}/entries`, key)).body
    expect(seen['entries']).toMatchObject([{ senderId: ada.userId, content: { text: 'hi' } }])
    expect((await server.delete(`${path}/messages/${body['messageId']}`, key)).body).toEqual({ seq: 2 })
    expect((await server.delete(`${path}/messages/${body['messageId']}`, key)).body).toEqual({ seq: 2 })
    expect(await entriesOf(api, bob, String(body['conversationId']))).toMatchObject([
      { content: {}, recalledAt: expect.any(String) },
      { kind: 'recall', senderId: '@system' },
    ])
    expect(code(await server.get('/server/v1/conversations/nowhere/entries', key))).toBe('forbidden')
  })

  test('changes a group whatever its policy, and leaves it with its owner', async ({ api, server }) => {
    const [ada, bob, cas] = (await Promise.all([signUp(api), signUp(api), signUp(api)])) as [
      Person,
      Person,
      Person,
    ]
    const conversationId = await foundGroup(server, ada, [bob])
    const path = `/server/v1/conversations/${conversationId}`
    const added = await server.post(`${path}/members`, { userIds: [cas.userId, 'nobody'] }, key)
    expect(added.body['results']).toMatchObject([{ result: 'done' }, { reason: 'no-such-user' }])
    const kicked = await server.post(`${path}/kicks`, { userIds: [ada.userId, bob.userId] }, key)
    expect(kicked.body['results']).toMatchObject([{ reason: 'not-allowed' }, { result: 'done' }])
    expect((await server.put(`${path}/owner`, { userId: cas.userId }, key)).status).toBe(200)
    expect((await server.patch(path, { name: 'Renamed' }, key)).status).toBe(200)
    expect((await server.get(`${path}/members`, key)).body['members']).toMatchObject(
      [
        { userId: ada.userId, role: 'member' },
        { userId: cas.userId, role: 'owner' },
      ].toSorted((a, b) => (a.userId < b.userId ? -1 : 1)),
    )
    expect((await server.get(path, key)).body).toMatchObject({ summary: { name: 'Renamed' }, memberCount: 2 })
    const told = await entriesOf(api, cas, conversationId)
    expect(told.map(({ type, senderId }) => [type, senderId])).toContainEqual(['group.kicked', '@system'])
    expect((await server.delete(path, key)).status).toBe(200)
    expect(code(await api.get(`/v1/conversations/${conversationId}`, ada.token))).toBe('forbidden')
  })
})

describe('registering message types', () => {
  test('is told back, changed and taken away', async ({ server }) => {
    const path = '/server/v1/message-types/shop.order'
    const setting = {
      switches: { counted: false },
      digest: 'ordered',
      digests: { de: 'bestellt' },
      maxBytes: 100,
    }
    const registered = {
      ...setting,
      type: 'shop.order',
      switches: { stored: true, counted: false, pushed: true, synced: true },
    }
    expect((await server.put(path, setting, key)).body).toEqual(registered)
    expect((await server.get('/server/v1/message-types', key)).body['types']).toContainEqual(registered)
    expect((await server.delete(path, key)).status).toBe(204)
    expect((await server.delete(path, key)).status).toBe(404)
  })

  test('P10 names that are not an app’s own, and settings that are none, are refused', async ({ server }) => {
    for (const type of ['text', 'group.kicked', 'call.missed', 'Upper.case', 'nodot'])
      expect(code(await server.put(`/server/v1/message-types/${type}`, {}, key))).toBe('invalid_request')
    const wrong = [
      { maxBytes: 0 },
      { digest: '' },
      { digests: { deutsch: 'x' } },
      { switches: { loud: true } },
    ]
    for (const setting of wrong)
      expect(code(await server.put('/server/v1/message-types/ok.type', setting, key))).toBe('invalid_request')
    expect((await server.get('/server/v1/message-types', key)).body['types']).not.toContainEqual(
      expect.objectContaining({ type: 'ok.type' }),
    )
  })
})
