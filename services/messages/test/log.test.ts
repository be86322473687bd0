import { randomUUID as uuid } from 'node:crypto'
import type { Entry } from '@parley/shared/entry'
import { directConversationId, type UserId } from '@parley/shared/ids'
import type { ConversationChange, SyncPage } from '@parley/shared/protocol'
import { signUp, type Api, type Person } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { test } from './fixture.ts'

async function say(api: Api, from: Person, to: object, body: string) {
  const reply = await api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to, type: 'text', content: { text: body } },
    from.token,
  )
  expect(reply.status).toBe(201)
  return reply.body as unknown as { conversationId: string; seq: number }
}

async function sync(api: Api, who: Person, cursor?: string, limit = 50): Promise<SyncPage> {
  const query = new URLSearchParams({ limit: String(limit), ...(cursor ? { cursor } : {}) })
  const { status, body } = await api.get(`/v1/sync?${query.toString()}`, who.token)
  expect(status).toBe(200)
  return body as unknown as SyncPage
}

const group = async (api: Api, owner: Person, others: { userId: string }[]) =>
  (
    await api.post(
      '/v1/conversations',
      { name: 'Team', userIds: others.map(({ userId }) => userId) },
      owner.token,
    )
  ).body as unknown as {
    summary: { conversationId: string; lastSeq: number }
    results: { userId: string; result: string; reason?: string }[]
  }

const changeOf = (page: SyncPage, conversationId: string): ConversationChange | undefined =>
  page.conversations.find((change) => change.conversationId === conversationId)

describe('reading a log', () => {
  test('pages upwards, downwards and from the end, with nothing twice and nothing left out', async ({
    api,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    for (let i = 1; i <= 25; i++) await say(api, alice, { userId: bob.userId }, String(i))
    const path = `/v1/conversations/${directConversationId(alice.userId as UserId, bob.userId as UserId)}/entries`
    const read = async (query: string) => {
      const { body } = await api.get(`${path}?${query}`, bob.token)
      return {
        seqs: (body['entries'] as unknown as Entry[]).map(({ seq }) => seq),
        complete: body['complete'] as unknown,
        lastSeq: body['lastSeq'] as unknown,
      }
    }
    expect(await read('after=0&limit=10')).toEqual({
      seqs: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      complete: false,
      lastSeq: 25,
    })
    expect(await read('after=20&limit=10')).toEqual({
      seqs: [21, 22, 23, 24, 25],
      complete: true,
      lastSeq: 25,
    })
    expect(await read('after=15&limit=10')).toMatchObject({ complete: true })
    expect(await read('after=25')).toEqual({ seqs: [], complete: true, lastSeq: 25 })
    expect(await read('limit=3')).toEqual({ seqs: [23, 24, 25], complete: false, lastSeq: 25 })
    expect(await read('before=4&limit=10')).toEqual({ seqs: [1, 2, 3], complete: true, lastSeq: 25 })
  })

  test.for([
    ['both directions', 'after=1&before=9'],
    ['a negative seq', 'after=-1'],
    ['a seq beyond any', 'after=9007199254740993'],
    ['a fraction', 'after=1.5'],
    ['a page too large', 'limit=100000'],
  ] as const)('P10 refuses %s', async ([, query], { api }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, 'hi')
    expect(await api.get(`/v1/conversations/${conversationId}/entries?${query}`, bob.token)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
  })

  test('P9 who is not a member reads nothing', async ({ api }) => {
    const [alice, bob, eve] = [await signUp(api), await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, 'hi')
    expect((await api.get(`/v1/conversations/${conversationId}/entries`, eve.token)).status).toBe(403)
    expect((await sync(api, eve)).conversations).toEqual([])
  })
})

describe('syncing', () => {
  test('A7.2 P4 a returning device is told just what changed while it was away', async ({ api }) => {
    const [alice, bob, carol] = [await signUp(api), await signUp(api), await signUp(api)]
    const first = await say(api, alice, { userId: bob.userId }, 'one')
    await say(api, carol, { userId: bob.userId }, 'other')
    const before = await sync(api, bob)
    expect(before.conversations).toHaveLength(2)
    expect(before.complete).toBe(true)

    await say(api, alice, { userId: bob.userId }, 'two')
    const after = await sync(api, bob, before.cursor)
    const change = changeOf(after, first.conversationId)
    expect(change).toMatchObject({
      unread: 2,
      summary: { lastSeq: 2 },
      lastEntry: { content: { text: 'two' } },
    })
    const nothing = await sync(api, bob, after.cursor)
    expect(
      nothing.conversations.filter(({ conversationId }) => conversationId !== first.conversationId),
    ).toEqual([])
  })

  test('a commit in flight while the cursor is given out is not skipped', async ({ api, service }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, 'one')
    const slow = await service.ctx.pool.connect()
    try {
      await slow.query('begin')
      await slow.query(
        'update conversation set last_at = now(), changed_xid = pg_current_xact_id() where conversation_id = $1',
        [conversationId],
      )
      const { cursor } = await sync(api, bob)
      await slow.query('commit')
      expect(changeOf(await sync(api, bob, cursor), conversationId)).toBeDefined()
    } finally {
      slow.release()
    }
  })

  test('A7.4 pages hold every conversation once, newest first', async ({ api }) => {
    const bob = await signUp(api)
    const friends = await Promise.all(Array.from({ length: 7 }, () => signUp(api)))
    for (const friend of friends) await say(api, friend, { userId: bob.userId }, 'hello')
    const seen: string[] = []
    let page = await sync(api, bob, undefined, 3)
    seen.push(...page.conversations.map(({ conversationId }) => conversationId))
    while (!page.complete) {
      page = await sync(api, bob, page.cursor, 3)
      seen.push(...page.conversations.map(({ conversationId }) => conversationId))
    }
    expect(seen).toEqual(
      friends.map(({ userId }) => directConversationId(userId as UserId, bob.userId as UserId)).toReversed(),
    )
  })

  test('a cursor of another history is answered with everything', async ({ api }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await say(api, alice, { userId: bob.userId }, 'one')
    const { cursor } = await sync(api, bob)
    const foreign = { ...JSON.parse(Buffer.from(cursor, 'base64url').toString()), epoch: uuid() }
    expect(
      (await sync(api, bob, Buffer.from(JSON.stringify(foreign)).toString('base64url'))).conversations,
    ).toHaveLength(1)
  })

  test.for(['nonsense', 'e30', 'x'.repeat(400)])('P10 refuses the cursor %s', async (cursor, { api }) => {
    const bob = await signUp(api)
    expect(await api.get(`/v1/sync?cursor=${cursor}`, bob.token)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
  })

  test.for([
    ['of a year before the first', { lastAt: '0000-01-01T00:00:00Z', conversationId: 'd-x' }],
    ['with NUL', { lastAt: '2026-01-01T00:00:00Z', conversationId: 'd-\u0000' }],
  ] as const)('P10 refuses a cursor %s', async ([, after], { api }) => {
    const bob = await signUp(api)
    const crafted = { epoch: uuid(), since: null, next: '1', after }
    const cursor = Buffer.from(JSON.stringify(crafted)).toString('base64url')
    expect(await api.get(`/v1/sync?cursor=${cursor}`, bob.token)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
  })

  test('A6.8 what the device knows decides which entries it is sent', async ({ rpc, api }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, '1')
    for (let i = 2; i <= 70; i++) await say(api, alice, { userId: bob.userId }, String(i))
    const identity = { userId: bob.userId, deviceId: 'phone', sessionId: uuid(), platform: 'ios' } as never
    const ask = async (known: object[]) => {
      const page = (await rpc.call('events/ask', {
        identity,
        event: 'log:sync',
        request: { known, limit: 50 },
      })) as SyncPage
      const change = changeOf(page, conversationId)
      return {
        seqs: change?.entries.map(({ seq }) => seq) ?? [],
        complete: change?.complete,
        last: change?.lastEntry?.seq,
      }
    }
    const newest = await ask([])
    expect([newest.seqs[0], newest.seqs.at(-1), newest.complete]).toEqual([51, 70, false])
    expect(await ask([{ conversationId, seq: 68 }])).toEqual({ seqs: [69, 70], complete: true, last: 70 })
    expect(await ask([{ conversationId, seq: 70 }])).toEqual({ seqs: [], complete: true, last: 70 })
    const long = await ask([{ conversationId, seq: 5 }])
    expect([long.seqs[0], long.seqs.at(-1), long.complete, long.last]).toEqual([6, 55, false, 70])
  })
})

describe('watermarks', () => {
  test('A7.6 P5 marks only move forward, never beyond the log, and unread follows them', async ({ api }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, '1')
    for (let i = 2; i <= 5; i++) await say(api, alice, { userId: bob.userId }, String(i))
    await say(api, bob, { userId: alice.userId }, 'mine does not count')
    const mark = async (kind: string, seq: number) =>
      (await api.put(`/v1/conversations/${conversationId}/receipts/${kind}`, { seq }, bob.token))
        .body as unknown as { seq: number }
    const unread = async () => changeOf(await sync(api, bob), conversationId)?.unread
    expect(await unread()).toBe(5)
    expect(await mark('read', 3)).toEqual({ seq: 3 })
    expect(await mark('read', 1)).toEqual({ seq: 3 })
    expect(await mark('delivered', 2)).toEqual({ seq: 3 })
    expect(await unread()).toBe(2)
    expect(await mark('read', 1_000_000)).toEqual({ seq: 6 })
    expect(await unread()).toBe(0)
    expect(await mark('delivered', 0)).toEqual({ seq: 6 })
  })

  test('P9 nobody marks a conversation of others', async ({ api }) => {
    const [alice, bob, eve] = [await signUp(api), await signUp(api), await signUp(api)]
    const { conversationId } = await say(api, alice, { userId: bob.userId }, '1')
    expect(
      (await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, eve.token)).status,
    ).toBe(403)
  })
})

describe('groups', () => {
  test('A8.3 begin with one entry, hold those who exist, and number on from there', async ({ api }) => {
    const [owner, bob] = [await signUp(api), await signUp(api)]
    const made = await group(api, owner, [bob, { userId: 'nobody-known' }])
    expect(made).toMatchObject({
      results: [
        { userId: bob.userId, result: 'done' },
        { userId: 'nobody-known', result: 'refused', reason: 'no-such-user' },
      ],
      summary: { lastSeq: 1 },
    })
    const { conversationId } = made.summary
    expect((await say(api, bob, { conversationId }, 'hi all')).seq).toBe(2)
    const page = await api.get(`/v1/conversations/${conversationId}/entries`, owner.token)
    expect(page.body['entries']).toMatchObject([
      { kind: 'created', type: 'group.created', seq: 1 },
      { kind: 'message', seq: 2 },
    ])
    expect(changeOf(await sync(api, owner), conversationId)?.unread).toBe(1)
  })

  test('a new member sees from the joining on, and only members add', async ({ api }) => {
    const [owner, bob, carol] = [await signUp(api), await signUp(api), await signUp(api)]
    const { conversationId } = (await group(api, owner, [bob])).summary
    await say(api, bob, { conversationId }, 'before carol')
    const members = `/v1/conversations/${conversationId}/members`
    expect((await api.post(members, { userIds: [carol.userId] }, carol.token)).status).toBe(403)
    expect(
      (await api.post(members, { userIds: [carol.userId, bob.userId] }, owner.token)).body,
    ).toMatchObject({
      results: [
        { userId: carol.userId, result: 'done' },
        { userId: bob.userId, result: 'already' },
      ],
    })
    await say(api, bob, { conversationId }, 'after carol')
    const page = await api.get(`/v1/conversations/${conversationId}/entries`, carol.token)
    expect((page.body['entries'] as unknown as Entry[]).map(({ kind, seq }) => [kind, seq])).toEqual([
      ['members-added', 3],
      ['message', 4],
    ])
    expect(changeOf(await sync(api, carol), conversationId)).toMatchObject({ unread: 1, complete: true })
    expect((await api.get(members, bob.token)).body['members']).toHaveLength(3)
  })

  test('a taken conversation id is refused, and the group there is untouched', async ({ api }) => {
    const [one, two] = [await signUp(api), await signUp(api)]
    const conversationId = `team-${uuid()}`
    const draft = { conversationId, name: 'Mine', userIds: [] }
    expect((await api.post('/v1/conversations', draft, one.token)).status).toBe(201)
    expect((await api.post('/v1/conversations', draft, two.token)).body.error?.code).toBe('conflict')
    expect((await api.get(`/v1/conversations/${conversationId}/entries`, two.token)).status).toBe(403)
    const direct = { conversationId: 'd-taken', name: 'Fake', userIds: [] }
    expect((await api.post('/v1/conversations', direct, two.token)).status).toBe(400)
  })
})
