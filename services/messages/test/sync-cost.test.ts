import { randomUUID as uuid } from 'node:crypto'
import type { UserId } from '@parley/shared/ids'
import type { SyncPage, SyncQuery } from '@parley/shared/protocol'
import type { RpcClient } from '@parley/shared/rpc-client'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { decodeJwt } from 'jose'
import type { PoolClient } from 'pg'
import { expect } from 'vitest'
import { sync as readSync } from '../src/log/sync.ts'
import { test as base } from './fixture.ts'

interface Statement {
  text: string
  /** As JSON. */
  values: string
}

/** Statements as they leave for the database. */
const test = base.extend('statements', { scope: 'file' }, ({ service }) => {
  const statements: Statement[] = []
  const watched = new WeakSet<PoolClient>()
  service.ctx.pool.on('acquire', (client) => {
    if (watched.has(client)) return
    watched.add(client)
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    client.query = ((...args: unknown[]) => {
      const asked = args[0] as string | { text: string; values?: unknown[] }
      const { text, values } = typeof asked === 'string' ? { text: asked, values: args[1] } : asked
      statements.push({ text, values: JSON.stringify(values ?? []) })
      return query(...args)
    }) as never
  })
  return statements
})

/** Those that read what changed for this person. The service has work of its own meanwhile, of which some is about them too. */
const readsOf = (statements: Statement[], { userId }: Person) =>
  statements.filter(({ text, values }) => text.includes('log_epoch') && values.includes(userId))

const callerOf = (person: Person) => {
  const { sid } = decodeJwt(person.token) as { sid: string }
  return { userId: person.userId, deviceId: person.deviceId, sessionId: sid, platform: 'ios' } as never
}

const say = (api: Api, from: Person, to: object, text: string = uuid()) =>
  api.post('/v1/messages', { clientMessageId: uuid(), to, type: 'text', content: { text } }, from.token)

const sync = (rpc: RpcClient, person: Person, request: object): Promise<SyncPage> =>
  rpc.call('events/ask', {
    identity: callerOf(person),
    event: 'log:sync',
    request: { limit: 50, ...request },
  }) as Promise<SyncPage>

test('P11 a device that comes back to 5,000 conversations costs two statements before its first page, whatever changed', async ({
  api,
  pool,
  rpc,
  service,
  statements,
}) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const { body } = await api.post('/v1/conversations', { name: 'One', userIds: [ben.userId] }, ann.token)
  const { conversationId } = (body as unknown as { summary: { conversationId: string } }).summary
  // As that one, 4,999 more, each with an entry.
  for (const table of ['conversation', 'member', 'entry']) {
    await pool.query(
      `insert into ${table} select (jsonb_populate_record(t, jsonb_build_object('conversation_id', 'copy-' || i))).*
       from ${table} t, generate_series(1, 4999) i where t.conversation_id = $1`,
      [conversationId],
    )
  }
  const comeBack = async (cursor?: string) => {
    statements.length = 0
    await rpc.call('sessions/open', { sessions: [callerOf(ben)] })
    const page = await sync(rpc, ben, { limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    // The service has work of its own meanwhile.
    const ids = [ben.userId, (callerOf(ben) as { sessionId: string }).sessionId]
    return { page, cost: statements.filter(({ values }) => ids.some((id) => values.includes(id))).length }
  }
  const fresh = await comeBack()
  expect([fresh.page.conversations.length, fresh.page.complete, fresh.cost]).toEqual([200, false, 2])
  expect(fresh.page.conversations.every(({ entries }) => entries.length === 1)).toBe(true)

  let { cursor, complete } = fresh.page
  while (!complete) ({ cursor, complete } = await sync(rpc, ben, { limit: 200, cursor }))
  const nothing = await comeBack(cursor)
  expect([nothing.page.conversations.length, nothing.page.complete, nothing.cost]).toEqual([0, true, 2])

  // By hand, because a send is followed by statements of its own.
  const touch =
    'update conversation set last_at = now(), changed_xid = pg_current_xact_id() where conversation_id = $1'
  await service.ctx.pool.query(touch, [conversationId])
  const one = await comeBack(cursor)
  expect(one.page.conversations).toMatchObject([{ conversationId, lastEntry: { seq: 1 } }])
  expect(one.cost).toBe(2)
})

test('what committed beside a transaction that goes on and on is told once', async ({
  api,
  rpc,
  service,
}) => {
  const [ann, ben] = [await signUp(api), await signUp(api)]
  const slow = await service.ctx.pool.connect()
  try {
    await slow.query('begin')
    await slow.query('select pg_current_xact_id()')
    await say(api, ann, { userId: ben.userId })
    const first = await sync(rpc, ben, {})
    expect(first.conversations).toHaveLength(1)
    expect((await sync(rpc, ben, { cursor: first.cursor })).conversations).toEqual([])
    await say(api, ann, { userId: ben.userId })
    const second = await sync(rpc, ben, { cursor: first.cursor })
    expect(second.conversations).toHaveLength(1)
    expect((await sync(rpc, ben, { cursor: second.cursor })).conversations).toEqual([])
  } finally {
    await slow.query('rollback')
    slow.release()
  }
})

test('P11 of devices that come back together, those that missed nothing are answered by one statement, and the others beside them', async ({
  api,
  rpc,
  service,
  statements,
}) => {
  const people = await Promise.all(Array.from({ length: 6 }, () => signUp(api)))
  const [ann, ben, cem, dot, eve, fay] = people as [Person, Person, Person, Person, Person, Person]
  await say(api, ann, { userId: ben.userId })
  const { body } = await api.post('/v1/conversations', { name: 'One', userIds: [cem.userId] }, ann.token)
  const { conversationId } = (body as unknown as { summary: { conversationId: string } }).summary
  const cursors = new Map<Person, string>()
  for (const person of people) cursors.set(person, (await sync(rpc, person, {})).cursor)
  const ask = async (...asks: { userId: string; cursor: string | undefined }[]) => {
    statements.length = 0
    const queries = asks.map(({ userId, cursor }) => ({ userId, query: { cursor, limit: 50 } }))
    const { results } = await rpc.call('log/returns', { asks: queries as never })
    return results.map((result) => (result.ok ? result.data.page : undefined))
  }
  const of = ({ userId }: Person, cursor = cursors.get(fay)) => ({ userId, cursor })

  // Missed one, was kicked, missed nothing: with a cursor of somebody else's the answer is about whoever asks.
  await say(api, ann, { userId: ben.userId })
  await rpc.call('events/ask', {
    identity: callerOf(ann),
    event: 'group:kick',
    request: { conversationId, userIds: [cem.userId] },
  })
  const first = await ask(of(ben), of(cem), of(dot), of(eve), of(fay))
  const told = first.map((page) => [page?.conversations.length, page?.ended.length])
  expect(told).toEqual([
    [1, 0],
    [0, 1],
    [0, 0],
    [0, 0],
    [0, 0],
  ])
  expect(readsOf(statements, dot)).toHaveLength(1)

  // The new cursor is as good as one of a sync.
  const { cursor } = first[2] ?? {}
  expect(await sync(rpc, dot, { cursor })).toMatchObject({ conversations: [], complete: true })
  await say(api, ann, { userId: dot.userId })
  const alone = await sync(rpc, dot, { cursor })
  expect(alone.conversations).toHaveLength(1)
  expect((await ask(of(dot, cursor)))[0]?.conversations).toEqual(alone.conversations)

  // Nobody's mistake is another's, and a cursor of another history is no reason to stay behind.
  const foreign = {
    ...JSON.parse(Buffer.from(cursors.get(fay) ?? '', 'base64url').toString()),
    epoch: uuid(),
  }
  const elsewhere = Buffer.from(JSON.stringify(foreign)).toString('base64url')
  const mixed = await ask(of(fay, 'nonsense'), of(ben, elsewhere), of(fay))
  expect(mixed.map((page) => page?.conversations.length)).toEqual([undefined, 1, 0])

  // A commit in flight is after the cursor that is given out beside it.
  const slow = await service.ctx.pool.connect()
  try {
    await slow.query('begin')
    await slow.query(
      `update member set pinned = true, changed_xid = pg_current_xact_id() where user_id = $1`,
      [ben.userId],
    )
    const [beside] = await ask(of(ben, (await sync(rpc, ben, {})).cursor))
    expect(beside).toMatchObject({ conversations: [] })
    await slow.query('commit')
    const [after] = await ask(of(ben, beside?.cursor))
    expect(after?.conversations).not.toEqual([])
  } finally {
    slow.release()
  }
})

test('a reply to those who come back holds so many entries, and leaves the rest to ask alone', async ({
  api,
  rpc,
}) => {
  const people = await Promise.all(Array.from({ length: 45 }, () => signUp(api)))
  const [ann] = people as [Person]
  const userIds = people.slice(1).map(({ userId }) => userId)
  const { body } = await api.post('/v1/conversations', { name: 'All', userIds }, ann.token)
  const { conversationId } = (body as unknown as { summary: { conversationId: string } }).summary
  const cursors = await Promise.all(people.map(async (person) => (await sync(rpc, person, {})).cursor))
  for (let i = 0; i < 30; i++) await say(api, ann, { conversationId })
  const known = [{ conversationId, seq: 1 }]
  const asks = people.map(({ userId }, i) => ({ userId, query: { cursor: cursors[i], known, limit: 50 } }))
  const { results } = await rpc.call('log/returns', { asks: asks as never })
  const told = results.map((result) => result.ok && result.data.page !== undefined)
  expect(told).toEqual(people.map((_, i) => i < 40))
})

test('P4 devices that come back together get the pages that each would get alone', async ({
  api,
  rpc,
  service,
  statements,
}) => {
  const people = await Promise.all(Array.from({ length: 24 }, () => signUp(api)))
  const [ann, ben, cem, dot] = people as [Person, Person, Person, Person]
  const createGroup = async (members: Person[]) => {
    const userIds = members.map(({ userId }) => userId)
    const { body } = await api.post('/v1/conversations', { name: 'One', userIds }, ann.token)
    return (body as unknown as { summary: { conversationId: string } }).summary.conversationId
  }
  const [one, other] = [await createGroup(people.slice(1)), await createGroup(people.slice(1, 8))]
  for (let i = 0; i < 5; i++) await say(api, ann, { conversationId: one })
  const cursors = new Map<Person, string>()
  for (const person of people) cursors.set(person, (await sync(rpc, person, {})).cursor)

  // Everybody misses something else, knows something else, and one of them is kicked and one hides an entry.
  for (let i = 0; i < 3; i++) await say(api, ben, { conversationId: other })
  await say(api, ann, { conversationId: one })
  for (const person of people.slice(10)) await say(api, ann, { userId: person.userId })
  const ask = (person: Person, event: string, request: object) =>
    rpc.call('events/ask', { identity: callerOf(person), event, request })
  await ask(ann, 'group:kick', { conversationId: other, userIds: [cem.userId] })
  await ask(dot, 'receipt:read', { conversationId: one, seq: 4 })
  const requestOf = (person: Person, i: number) => ({
    cursor: cursors.get(person),
    ...(i % 3 === 0
      ? {}
      : {
          known: [
            { conversationId: one, seq: i % 7 },
            { conversationId: 'nowhere', seq: 1 },
          ],
        }),
  })

  const alone: SyncPage[] = []
  for (const [i, person] of people.entries()) alone.push(await sync(rpc, person, requestOf(person, i)))
  statements.length = 0
  // Not through HTTP, where they come one after the other.
  const together = await Promise.all(
    people.map(({ userId }, i) =>
      readSync(
        service.ctx,
        userId as UserId,
        { limit: 50, ...requestOf(people[i] as Person, i) } as SyncQuery,
      ),
    ),
  )
  const withoutCursor = (pages: SyncPage[]) => pages.map((page) => ({ ...page, cursor: '' }))
  expect(withoutCursor(together)).toEqual(withoutCursor(alone))
  expect(alone.some(({ ended }) => ended.length > 0)).toBe(true)
  const reads = readsOf(statements, dot)
  expect(reads).toHaveLength(1)
  expect(readsOf(statements, ben)).toEqual(reads)
  for (const [i, person] of people.entries())
    expect((await sync(rpc, person, { cursor: together[i]?.cursor })).conversations).toEqual([])
})

test('P4 whoever syncs while others write has everything at the end, wherever each page fell', async ({
  api,
  rpc,
}) => {
  const people = await Promise.all(Array.from({ length: 5 }, () => signUp(api)))
  const [ben, ...writers] = people as [Person, ...Person[]]
  const logs = new Map<string, number[]>()
  let cursor: string | undefined
  let told = 0
  const look = async () => {
    const known = [...logs].map(([conversationId, seqs]) => ({ conversationId, seq: seqs.at(-1) ?? 0 }))
    const page = await sync(rpc, ben, { limit: 2, known, ...(cursor === undefined ? {} : { cursor }) })
    for (const { conversationId, entries } of page.conversations) {
      const log = logs.get(conversationId) ?? []
      const fresh = entries.map(({ seq }) => seq)
      told += fresh.length
      logs.set(conversationId, [...log, ...fresh.filter((seq) => seq > (log.at(-1) ?? 0))])
    }
    cursor = page.cursor
    return page.complete
  }
  const lookAtAll = async () => {
    while (!(await look()));
  }

  // Of a conversation that is new to a device, only the newest entries are told.
  for (const writer of writers) await say(api, writer, { userId: ben.userId })
  await lookAtAll()
  let isWriting = true
  const writing = Promise.all(
    writers.map(async (writer) => {
      for (let i = 1; i < 25; i++) expect((await say(api, writer, { userId: ben.userId })).status).toBe(201)
    }),
  ).finally(() => (isWriting = false))
  while (isWriting) await look()
  await writing
  // The sync that was under way when the last was written does not tell it if it began before.
  await lookAtAll()
  await lookAtAll()
  const all = Array.from({ length: 25 }, (_, i) => i + 1)
  expect([...logs.values()]).toEqual([all, all, all, all])
  expect(told).toBe(100)
})

test.for([
  ['a snapshot whose transactions are out of order', { seen: [9, 4, 2] }],
  ['a snapshot with a transaction behind its end', { seen: [2, 5] }],
  ['a snapshot without an end', { seen: [] }],
  ['a transaction beyond any', { since: '99999999999999999999' }],
  ['no transaction', { since: '0', seen: [1] }],
] as const)('P10 a cursor with %s is refused', async ([, forged], { api }) => {
  const ben = await signUp(api)
  const { cursor } = (await api.get('/v1/sync', ben.token)).body as unknown as SyncPage
  const bad = { ...JSON.parse(Buffer.from(cursor, 'base64url').toString()), ...forged }
  const text = Buffer.from(JSON.stringify(bad)).toString('base64url')
  expect(await api.get(`/v1/sync?cursor=${text}`, ben.token)).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_request' } },
  })
})
