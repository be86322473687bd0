import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import type { SyncPage } from '@parley/shared/protocol'
import type { Caller, StandingAsk } from '@parley/shared/rpc'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test } from './fixture.ts'

async function people(api: Api, count: number): Promise<Person[]> {
  return Promise.all(Array.from({ length: count }, () => signUp(api)))
}

async function found(api: Api, owner: Person, members: Person[], draft: object = {}): Promise<string> {
  const userIds = members.map(({ userId }) => userId)
  const { status, body } = await api.post('/v1/conversations', { name: 'G', userIds, ...draft }, owner.token)
  expect({ status, body }).toMatchObject({ status: 201 })
  return (body['summary'] as unknown as { conversationId: string }).conversationId
}

const say = (api: Api, who: Person, conversationId: string, more: object = {}) =>
  api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { conversationId }, type: 'text', content: { text: 'hi' }, ...more },
    who.token,
  )
const read = async (api: Api, who: Person, conversationId: string) =>
  (await api.get(`/v1/conversations/${conversationId}/entries`, who.token)).body[
    'entries'
  ] as unknown as Entry[]
const sync = async (api: Api, who: Person, cursor?: string) =>
  (await api.get(`/v1/sync${cursor ? `?cursor=${cursor}` : ''}`, who.token)).body as unknown as SyncPage

describe('a private group', () => {
  test('A8.9 is joined by invitation only, and an outsider learns nothing of it', async ({ api }) => {
    const [owner, stranger] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [])
    const { status, body } = await api.post(`/v1/conversations/${id}/join`, {}, stranger.token)
    expect(status).toBe(403)
    // Their headers say when they were answered.
    expect(await api.post('/v1/conversations/g-nowhere/join', {}, stranger.token)).toMatchObject({
      status,
      body,
    })
    expect((await api.get(`/v1/conversations/${id}`, stranger.token)).body).toEqual(
      (await api.get('/v1/conversations/g-nowhere', stranger.token)).body,
    )
  })

  test('A8.6 A8.8 passes to another when its owner leaves, and always has one owner', async ({ api }) => {
    const [owner, bob] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [bob])
    expect((await api.post(`/v1/conversations/${id}/leave`, {}, owner.token)).status).toBe(200)
    const { body } = await api.get(`/v1/conversations/${id}/members`, bob.token)
    expect(body['members']).toMatchObject([{ userId: bob.userId, role: 'owner' }])
    expect((await say(api, owner, id)).status).toBe(403)
  })

  test('A8.4 P9 whoever is kicked neither sends nor reads, is told why, and learns it on return', async ({
    api,
  }) => {
    const [owner, bob] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [bob])
    const { cursor } = await sync(api, bob)
    const kicks = `/v1/conversations/${id}/kicks`
    expect((await api.post(kicks, { userIds: [owner.userId] }, bob.token)).status).toBe(403)
    const kicked = await api.post(kicks, { userIds: [bob.userId, 'nobody'], reason: 'spam' }, owner.token)
    expect(kicked.body['results']).toEqual([
      { userId: bob.userId, result: 'done' },
      { userId: 'nobody', result: 'refused', reason: 'not-a-member' },
    ])
    expect((await say(api, bob, id)).status).toBe(403)
    expect((await api.get(`/v1/conversations/${id}/entries`, bob.token)).status).toBe(403)
    expect((await sync(api, bob, cursor)).ended).toMatchObject([
      { conversationId: id, reason: 'kicked', by: owner.userId, note: 'spam' },
    ])
    expect((await read(api, owner, id)).at(-1)).toMatchObject({
      type: 'group.kicked',
      content: { reason: 'spam' },
    })
  })
})

describe('a public group', () => {
  test('A8.10 lets people in after an approval, once, by those who may answer', async ({ api }) => {
    const [owner, bob, cas] = (await people(api, 3)) as [Person, Person, Person]
    const id = await found(api, owner, [bob], { policy: 'public' })
    const asked = await api.post(`/v1/conversations/${id}/join`, { greeting: 'it is me' }, cas.token)
    expect(asked.body['result']).toBe('pending')
    expect((await say(api, cas, id)).status).toBe(403)
    const requests = `/v1/conversations/${id}/requests`
    expect((await api.get(requests, bob.token)).status).toBe(403)
    expect((await api.get(requests, owner.token)).body['requests']).toMatchObject([
      { userId: cas.userId, greeting: 'it is me' },
    ])
    expect((await api.put(`${requests}/${cas.userId}`, { accept: true }, owner.token)).status).toBe(200)
    expect((await api.put(`${requests}/${cas.userId}`, { accept: true }, owner.token)).status).toBe(404)
    expect((await say(api, cas, id)).status).toBe(201)
  })

  test('an invitation by a member is a proposal', async ({ api }) => {
    const [owner, bob, cas] = (await people(api, 3)) as [Person, Person, Person]
    const id = await found(api, owner, [bob], { policy: 'public' })
    const members = `/v1/conversations/${id}/members`
    const proposed = await api.post(members, { userIds: [cas.userId] }, bob.token)
    expect(proposed.body['results']).toEqual([{ userId: cas.userId, result: 'pending' }])
    expect((await say(api, cas, id)).status).toBe(403)
  })

  test('A8.7 keeps its owner until the group is given away or dissolved', async ({ api }) => {
    const [owner, bob] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [bob], { policy: 'public' })
    expect((await api.post(`/v1/conversations/${id}/leave`, {}, owner.token)).status).toBe(403)
    expect((await api.delete(`/v1/conversations/${id}`, bob.token)).status).toBe(403)
    expect((await api.put(`/v1/conversations/${id}/owner`, { userId: bob.userId }, owner.token)).status).toBe(
      200,
    )
    expect((await api.delete(`/v1/conversations/${id}`, owner.token)).status).toBe(403)
    const { cursor } = await sync(api, owner)
    expect((await api.delete(`/v1/conversations/${id}`, bob.token)).status).toBe(200)
    expect((await sync(api, owner, cursor)).ended).toMatchObject([
      { conversationId: id, reason: 'dissolved' },
    ])
    expect((await say(api, bob, id)).status).toBe(403)
    expect((await api.post(`/v1/conversations/${id}/join`, {}, owner.token)).status).toBe(403)
  })

  test('P9 a silenced member may not write, and all may be silenced but for some', async ({ api }) => {
    const [owner, bob, cas] = (await people(api, 3)) as [Person, Person, Person]
    const id = await found(api, owner, [bob, cas], { policy: 'public' })
    const member = `/v1/conversations/${id}/members/${bob.userId}`
    expect((await api.put(`${member}/silence`, { seconds: 60 }, cas.token)).status).toBe(403)
    expect((await api.put(`${member}/silence`, { seconds: 60 }, owner.token)).status).toBe(200)
    expect((await say(api, bob, id)).status).toBe(403)
    await api.put(`${member}/silence`, { seconds: 0 }, owner.token)
    expect((await say(api, bob, id)).status).toBe(201)
    await api.put(`/v1/conversations/${id}/silence`, { silenced: true }, owner.token)
    await api.put(`${member}/exemption`, { exempt: true }, owner.token)
    expect([(await say(api, owner, id)).status, (await say(api, bob, id)).status]).toEqual([201, 201])
    expect((await say(api, cas, id)).status).toBe(403)
  })

  test('only those who may mention everybody do', async ({ api }) => {
    const [owner, bob] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [bob], { policy: 'public' })
    expect((await say(api, bob, id, { mentions: ['@all'] })).status).toBe(403)
    expect((await say(api, owner, id, { mentions: ['@all'] })).status).toBe(201)
  })
})

describe('a chatroom', () => {
  test('A8.11 is joined freely, shows what was said before, and counts nothing as unread', async ({
    api,
  }) => {
    const [owner, cas] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [], { policy: 'chatroom' })
    await say(api, owner, id)
    expect((await api.post(`/v1/conversations/${id}/join`, {}, cas.token)).body['result']).toBe('done')
    expect((await read(api, cas, id)).map(({ kind }) => kind)).toEqual(['created', 'message', 'joined'])
    await say(api, owner, id)
    expect((await api.get('/v1/unread', cas.token)).body['total']).toBe(0)
  })

  test('P9 whoever was kicked cannot come back by themselves until pardoned', async ({ api }) => {
    const [owner, cas] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [cas], { policy: 'chatroom' })
    await api.post(`/v1/conversations/${id}/kicks`, { userIds: [cas.userId] }, owner.token)
    expect((await api.post(`/v1/conversations/${id}/join`, {}, cas.token)).status).toBe(403)
    await api.delete(`/v1/conversations/${id}/expulsions/${cas.userId}`, owner.token)
    expect((await api.post(`/v1/conversations/${id}/join`, {}, cas.token)).body['result']).toBe('done')
  })
})

describe('a live room', () => {
  test('A8.12 keeps nothing, invites nobody, removes nobody', async ({ api }) => {
    const [owner, fan] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [], { policy: 'live' })
    expect((await api.post(`/v1/conversations/${id}/join`, {}, fan.token)).body['result']).toBe('done')
    expect((await say(api, fan, id)).body).toMatchObject({ seq: 0 })
    expect(await read(api, owner, id)).toEqual([])
    expect(
      (await api.post(`/v1/conversations/${id}/kicks`, { userIds: [fan.userId] }, owner.token)).status,
    ).toBe(403)
    expect(
      (await api.post(`/v1/conversations/${id}/members`, { userIds: [fan.userId] }, owner.token)).status,
    ).toBe(403)
  })

  test('A8.12 is heard on every connection that its people open', async ({ api, rpc }) => {
    const [owner, fan] = (await people(api, 2)) as [Person, Person]
    const id = await found(api, owner, [], { policy: 'live' })
    await api.post(`/v1/conversations/${id}/join`, {}, fan.token)
    const { body } = await api.get('/v1/sessions', fan.token)
    const { sessionId } = (body['sessions'] as unknown as { sessionId: string }[])[0] ?? expect.fail()
    const caller = { ...fan, sessionId, platform: 'ios' } as unknown as Caller
    expect(await rpc.call('sessions/open', { sessions: [caller] })).toEqual({
      results: [{ ok: true, data: { conversationIds: [id] } }],
    })
  })
})

describe('how people stand, for gateways', () => {
  test('P9 is who of those asked about is in a group, and how far its log goes', async ({ api, rpc }) => {
    const [owner, bob, eve] = (await people(api, 3)) as [Person, Person, Person]
    const ids = [await found(api, owner, [bob]), await found(api, owner, [])]
    await say(api, bob, ids[0] as string)
    const asks = ids.map((conversationId) => ({ conversationId, userIds: [bob.userId, eve.userId] }))
    const gone = { conversationId: `g-${uuid()}`, userIds: [bob.userId] }
    expect(await rpc.call('groups/standing', { asks: [...asks, gone] as StandingAsk[] })).toEqual({
      results: [
        { ok: true, data: { lastSeq: 2, memberIds: [bob.userId] } },
        { ok: true, data: { lastSeq: 1, memberIds: [] } },
        { ok: true, data: { lastSeq: 0, memberIds: [] } },
      ],
    })
  })
})

test.for(['public', 'chatroom', 'live'])(
  'P9 who is silenced in a %s group stays silenced after leaving and coming back',
  async (policy, { api }) => {
    const [owner, bob, cas] = (await people(api, 3)) as [Person, Person, Person]
    const id = await found(api, owner, [], { policy, joinBy: 'free' })
    const members = `/v1/conversations/${id}/members`
    const come = (who: Person) => api.post(`/v1/conversations/${id}/join`, {}, who.token)
    const leave = (who: Person) => api.post(`/v1/conversations/${id}/leave`, {}, who.token)
    await come(bob)
    await come(cas)
    expect((await api.put(`${members}/${bob.userId}/silence`, { seconds: 600 }, owner.token)).status).toBe(
      200,
    )
    const until = async () => {
      const { body } = await api.get(members, owner.token)
      const listed = body['members'] as unknown as { userId: string; silencedUntil?: string }[]
      return listed.find(({ userId }) => userId === bob.userId)?.silencedUntil
    }
    const silencedUntil = await until()
    for (const who of [bob, cas]) await leave(who)
    for (const who of [bob, cas]) expect((await come(who)).body['result']).toBe('done')
    expect([(await say(api, bob, id)).status, (await say(api, cas, id)).status]).toEqual([403, 201])
    expect(await until()).toBe(silencedUntil)
    expect((await api.put(`${members}/${bob.userId}/silence`, { seconds: 0 }, owner.token)).status).toBe(200)
    await leave(bob)
    await come(bob)
    expect((await say(api, bob, id)).status).toBe(201)
  },
)

test('A8.5 a change of the profile is an entry of the log, made by the server', async ({ api }) => {
  const [owner, bob] = (await people(api, 2)) as [Person, Person]
  const id = await found(api, owner, [bob])
  const changed = await api.patch(`/v1/conversations/${id}`, { name: 'New', notice: 'Read me' }, bob.token)
  expect(changed.body).toEqual({ seq: 2 })
  expect((await read(api, owner, id)).at(-1)).toMatchObject({
    type: 'group.changed',
    content: { name: 'New', notice: 'Read me' },
  })
  expect((await api.get(`/v1/conversations/${id}`, owner.token)).body).toMatchObject({
    notice: 'Read me',
    memberCount: 2,
    role: 'owner',
    summary: { name: 'New', policy: 'private' },
  })
})

test.for([
  ['an avatar of more than 100 bytes', { name: 'G', avatarUrl: `https://example.com/${'x'.repeat(100)}` }],
  ['no name', { userIds: [] }],
  ['an unknown policy', { name: 'G', policy: 'nonsense' }],
  ['a way in that the policy has not', { name: 'G', policy: 'private', joinBy: 'free' }],
  ['admins where there are none', { name: 'G', policy: 'private', adminIds: ['ann'] }],
  ['an id that the server gives out', { name: 'G', conversationId: 'd-mine' }],
] as const)('A8.2 a group with %s is refused', async ([, draft], { api }) => {
  const owner = await signUp(api)
  const { status, body } = await api.post('/v1/conversations', draft, owner.token)
  expect([status, body.error?.code]).toEqual([400, 'invalid_request'])
})

test('A8.1 P3 made again under its own id after a lost answer it is one group; the id is free to nobody else', async ({
  api,
}) => {
  const [owner, bob, other] = [await signUp(api), await signUp(api), await signUp(api)]
  const draft = { conversationId: `team-${uuid()}`, name: 'Team', policy: 'private', userIds: [bob.userId] }
  const make = (who: Person) => api.post('/v1/conversations', draft, who.token)
  const [first, second] = await Promise.all([make(owner), make(owner)])
  expect(first.status).toBe(second.status)
  expect(second.body['results']).toEqual([{ userId: bob.userId, result: 'done' }])
  expect((await make(other)).body['error']).toMatchObject({ code: 'conflict' })
  const entries = await api.get(`/v1/conversations/${draft.conversationId}/entries`, bob.token)
  expect(entries.body['entries']).toMatchObject([{ kind: 'created' }])
})

test('a user is in at most 5,000 groups, and in as many direct conversations beside as there are people', async ({
  api,
  pool,
}) => {
  const [owner, talker, collector] = (await people(api, 3)) as [Person, Person, Person]
  const fill = ({ userId }: Person, kind: string, count: number) =>
    pool.query(
      `with made as (
         insert into conversation (conversation_id, kind, creator_id, last_seq, last_count)
         select $1::text || $2::text || n, $1, $3, 0, 0 from generate_series(1, $4::int) n
         returning conversation_id
       )
       insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq)
       select conversation_id, $3, 'member', 0, 0, 0, 0 from made`,
      [kind, uuid(), userId, count],
    )
  await fill(talker, 'direct', 5_000)
  await fill(collector, 'group', 3_000)
  await fill(collector, 'live', 2_000)
  const id = await found(api, talker, [], { policy: 'chatroom' })
  const join = (who: Person) => api.post(`/v1/conversations/${id}/join`, {}, who.token)
  expect((await join(owner)).body['result']).toBe('done')
  expect(await join(collector)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  const invited = { name: 'G', userIds: [talker.userId, collector.userId] }
  expect((await api.post('/v1/conversations', invited, owner.token)).body['results']).toEqual([
    { userId: talker.userId, result: 'done' },
    { userId: collector.userId, result: 'refused', reason: 'in-too-many-groups' },
  ])
})

test('A8.16 whoever knows its id joins a group that others made; one that is not there is refused', async ({
  api,
}) => {
  const [owner, cas] = (await people(api, 2)) as [Person, Person]
  const id = await found(api, owner, [], { policy: 'chatroom' })
  const join = (groupId: string) => api.post(`/v1/conversations/${groupId}/join`, {}, cas.token)
  expect(await join(id)).toMatchObject({ status: 200, body: { result: 'done' } })
  expect(await join(`g-${uuid()}`)).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
  expect((await api.get('/v1/conversations', cas.token)).body['conversations']).toHaveLength(1)
})
