import { randomUUID as uuid } from 'node:crypto'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import type { Pool, PoolClient } from 'pg'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { test as base } from './fixture.ts'

interface Group {
  id: string
  owner: Person
  admin: Person
  bob: Person
}

/** A public group that anyone joins freely. */
const test = base.extend('group', async ({ api }): Promise<Group> => {
  const [owner, admin, bob] = [await signUp(api), await signUp(api), await signUp(api, 'bob')]
  const draft = { name: 'G', policy: 'public', joinBy: 'free', userIds: [admin.userId] }
  const { body } = await api.post('/v1/conversations', draft, owner.token)
  const id = (body['summary'] as unknown as { conversationId: string }).conversationId
  await api.put(`/v1/conversations/${id}/members/${admin.userId}/role`, { role: 'admin' }, owner.token)
  const group = { id, owner, admin, bob }
  await join(api, group)
  return group
})

const join = (api: Api, { id, bob }: Group) => api.post(`/v1/conversations/${id}/join`, {}, bob.token)
const leave = (api: Api, { id, bob }: Group) => api.post(`/v1/conversations/${id}/leave`, {}, bob.token)
const silence = (api: Api, { id }: Group, by: Person, userId: string, seconds: number | null) =>
  api.put(`/v1/conversations/${id}/members/${userId}/silence`, { seconds }, by.token)
const kick = (api: Api, { id, bob }: Group, by: Person) =>
  api.post(`/v1/conversations/${id}/kicks`, { userIds: [bob.userId] }, by.token)
const pardon = (api: Api, { id, bob }: Group, by: Person) =>
  api.delete(`/v1/conversations/${id}/expulsions/${bob.userId}`, by.token)

/** How a message of who came back is answered. */
async function writes(api: Api, group: Group): Promise<number> {
  expect((await join(api, group)).body['result']).toBe('done')
  const draft = { clientMessageId: uuid(), to: { conversationId: group.id }, type: 'text' }
  return (await api.post('/v1/messages', { ...draft, content: { text: 'hi' } }, group.bob.token)).status
}

describe('P9 the silence of somebody who has left', () => {
  test('is taken back, and they write again when they come back', async ({ api, group }) => {
    const { admin, bob } = group
    await silence(api, group, admin, bob.userId, null)
    await leave(api, group)
    expect((await silence(api, group, admin, bob.userId, 0)).status).toBe(200)
    expect(await writes(api, group)).toBe(201)
  })

  test('begins while they are out, and holds when they come back', async ({ api, group }) => {
    const { admin, bob } = group
    await leave(api, group)
    expect((await silence(api, group, admin, bob.userId, 600)).status).toBe(200)
    expect(await writes(api, group)).toBe(403)
  })

  test('is taken back of somebody who was removed as well', async ({ api, group }) => {
    const { admin, bob } = group
    await silence(api, group, admin, bob.userId, 600)
    await kick(api, group, admin)
    expect((await silence(api, group, admin, bob.userId, 0)).status).toBe(200)
    await pardon(api, group, admin)
    expect(await writes(api, group)).toBe(201)
  })

  test('is an entry of the log', async ({ api, group }) => {
    const { id, owner, admin, bob } = group
    await leave(api, group)
    await silence(api, group, admin, bob.userId, 0)
    const { body } = await api.get(`/v1/conversations/${id}/entries`, owner.token)
    expect((body['entries'] as unknown as object[]).at(-1)).toMatchObject({
      kind: 'silenced',
      senderId: admin.userId,
      content: { userIds: [bob.userId] },
    })
  })

  test('is nothing that they or ordinary members may change', async ({ api, group }) => {
    const { id, admin, bob } = group
    const cas = await signUp(api)
    await api.post(`/v1/conversations/${id}/join`, {}, cas.token)
    await silence(api, group, admin, bob.userId, 600)
    await leave(api, group)
    for (const by of [bob, cas]) expect((await silence(api, group, by, bob.userId, 0)).status).toBe(403)
    expect(await writes(api, group)).toBe(403)
  })

  test('is none of who never was there', async ({ api, group }) => {
    const stranger = await signUp(api)
    expect((await silence(api, group, group.owner, stranger.userId, 600)).body.error?.code).toBe('not_found')
  })
})

/** Runs statements beside what the service does; what is still held when the test is over is let go. */
async function openTransaction(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect()
  onTestFinished(() => client.release(true))
  await client.query('begin')
  return client
}

const waitForLock = (pool: Pool) =>
  vi.waitUntil(async () => {
    const { rows } = await pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })

describe('P9 who is removed at the moment in which', () => {
  test('they delete a message for themselves is answered as no member', async ({ api, service, group }) => {
    const { id, owner, bob } = group
    const draft = {
      clientMessageId: uuid(),
      to: { conversationId: id },
      type: 'text',
      content: { text: 'hi' },
    }
    const { body } = await api.post('/v1/messages', draft, owner.token)
    const removal = await openTransaction(service.ctx.pool)
    await removal.query('delete from member where conversation_id = $1 and user_id = $2', [id, bob.userId])
    const hidden = api.post(`/v1/conversations/${id}/hidden`, { messageIds: [body['messageId']] }, bob.token)
    await waitForLock(service.ctx.pool)
    await removal.query('commit')
    expect((await hidden).body.error?.code).toBe('forbidden')
  })

  test('the alert of a message they mark or delete is taken back is removed after that', async ({
    api,
    service,
    group,
  }) => {
    const { id, admin, bob } = group
    const place = [id, bob.userId]
    await api.put('/v1/devices/current/push', { kind: 'fcm', token: uuid() }, bob.token)
    const { pool } = service.ctx
    await pool.query(`update member set alerted_seq = 1 where conversation_id = $1 and user_id = $2`, place)
    const mark = await openTransaction(pool)
    await mark.query('update member set read_seqs = null where conversation_id = $1 and user_id = $2', place)
    const kicked = kick(api, group, admin)
    await waitForLock(pool)
    await mark.query(
      `insert into stale_alert (conversation_id, user_id, seq, and_before) values ($1, $2, 1, false)`,
      place,
    )
    await mark.query('commit')
    expect((await kicked).status).toBe(200)
  })
})
