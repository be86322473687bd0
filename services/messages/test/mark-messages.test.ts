import { randomUUID as uuid } from 'node:crypto'
import { deliveriesOf } from '@parley/shared/delivery'
import { type ConversationId, messageIdOf, type UserId } from '@parley/shared/ids'
import type { ClientReply, SyncPage } from '@parley/shared/protocol'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { describe, expect, vi } from 'vitest'
import { bind, say, test as base } from './delivery-fixture.ts'

/** Ann has said three things to Ben. */
const test = base.extend('talk', async ({ api }) => {
  const [ann, ben] = [await signUp(api, 'ann'), await signUp(api, 'ben')]
  const sent = [await say(api, ann, ben), await say(api, ann, ben), await say(api, ann, ben)]
  const conversationId = sent[0]?.conversationId as ConversationId
  const ids = (...seqs: number[]) => seqs.map((seq) => messageIdOf(conversationId, seq))
  const asPeople = ({ token }: Person) => ({
    mark: (messageIds: string[], read: boolean) =>
      api.put(`/v1/conversations/${conversationId}/marks`, { messageIds, read }, token),
    read: (seq: number) => api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq }, token),
    unread: async () => (await api.get('/v1/unread', token)).body['total'],
    standing: async (cursor?: string) => standing(api, token, conversationId, cursor),
    receipts: async (seq: number) => {
      const url = `/v1/conversations/${conversationId}/messages/${messageIdOf(conversationId, seq)}/receipts`
      return (await api.get(url, token)).body as unknown as ClientReply<'receipt:list'>
    },
  })
  return { ann, ben, conversationId, ids, as: { ann: asPeople(ann), ben: asPeople(ben) } }
})

/** How a user has a conversation, as a sync tells it; undefined if it did not change since. */
async function standing(api: Api, token: string, conversationId: string, since?: string) {
  const query = since === undefined ? '' : `?${new URLSearchParams({ cursor: since }).toString()}`
  const { conversations, cursor } = (await api.get(`/v1/sync${query}`, token)).body as unknown as SyncPage
  const change = conversations.find((it) => it.conversationId === conversationId)
  const { unread, watermarks, readSeqs, unreadSeqs } = change ?? {}
  return { cursor, unread, readSeq: watermarks?.readSeq, readSeqs, unreadSeqs }
}

describe('a message that is marked by itself', () => {
  test('A7.9 is unread again and read again, and the watermark stays where it was', async ({ talk }) => {
    const { ids, as } = talk
    await as.ben.read(3)
    expect((await as.ben.mark(ids(2), false)).body).toEqual({})
    expect(await as.ben.unread()).toBe(1)
    expect(await as.ben.standing()).toMatchObject({ unread: 1, readSeq: 3, unreadSeqs: [2] })
    expect((await as.ben.mark(ids(1, 2, 3), true)).status).toBe(200)
    expect(await as.ben.standing()).toMatchObject({ unread: 0, readSeq: 3 })
    expect(await as.ben.standing()).not.toHaveProperty('unreadSeqs', [2])
  })

  test('A7.9 is read before those that came earlier, and its sender sees by whom', async ({ talk }) => {
    const { ben, ids, as } = talk
    await as.ben.mark(ids(2), true)
    expect(await as.ben.unread()).toBe(2)
    expect(await as.ben.standing()).toMatchObject({ unread: 2, readSeq: 0, readSeqs: [2] })
    expect(await as.ann.receipts(2)).toMatchObject({ read: [ben.userId], delivered: [], pending: [] })
    expect(await as.ann.receipts(1)).toMatchObject({ read: [], pending: [ben.userId] })
    await as.ben.mark(ids(2), false)
    expect(await as.ben.unread()).toBe(3)
    expect(await as.ann.receipts(2)).toMatchObject({ read: [], pending: [ben.userId] })
  })

  test('A7.9 was read once the watermark is past it, whatever its reader marks it later', async ({
    talk,
  }) => {
    const { ben, ids, as } = talk
    await as.ben.read(2)
    await as.ben.mark(ids(1), false)
    expect(await as.ann.receipts(1)).toMatchObject({ read: [ben.userId] })
  })

  test('A7.9 is marked no longer once its user reads up to it, even if the watermark was further', async ({
    talk,
  }) => {
    const { ids, as } = talk
    await as.ben.read(2)
    await as.ben.mark(ids(1, 2), false)
    await as.ben.mark(ids(3), true)
    expect(await as.ben.standing()).toMatchObject({ unread: 2, readSeqs: [3], unreadSeqs: [1, 2] })
    const { cursor } = await as.ben.standing()
    expect((await as.ben.read(1)).body).toEqual({ seq: 2 })
    expect(await as.ben.standing(cursor)).toMatchObject({ unread: 1, readSeqs: [3], unreadSeqs: [2] })
    expect((await as.ben.read(3)).body).toEqual({ seq: 3 })
    const after = await as.ben.standing()
    expect(after).toMatchObject({ unread: 0, readSeq: 3, readSeqs: undefined, unreadSeqs: undefined })
    await as.ben.mark(ids(3), false)
    expect(await as.ben.standing()).toMatchObject({ unread: 1, unreadSeqs: [3] })
  })

  test('A7.9 P4 is told to a device that was away, and nothing is if nothing changed', async ({ talk }) => {
    const { ids, as } = talk
    const { cursor } = await as.ben.standing()
    await as.ben.mark(ids(1, 3), true)
    const after = await as.ben.standing(cursor)
    expect(after).toMatchObject({ unread: 1, readSeqs: [1, 3] })
    await as.ben.mark(ids(3, 1), true)
    expect(await as.ben.standing(after.cursor)).toMatchObject({ unread: undefined })
    expect(await as.ann.standing()).toMatchObject({ readSeqs: undefined })
  })

  test('A7.9 is nothing to its own sender', async ({ talk }) => {
    const { ids, as } = talk
    expect((await as.ann.mark(ids(1), false)).status).toBe(200)
    expect(await as.ann.standing()).toMatchObject({ unread: 0, unreadSeqs: undefined, readSeqs: undefined })
  })

  test('A7.9 P6 is told to nobody any more once it is read, and the others are', async ({
    talk,
    api,
    rpc,
  }) => {
    const { ben, conversationId, ids, as } = talk
    await bind(api, ben)
    await as.ben.mark(ids(2), true)
    const told = await rpc.call('deliveries/due', {
      conversationId,
      firstSeq: 1,
      lastSeq: 3,
      userIds: [ben.userId as UserId],
      claim: uuid(),
    })
    expect(deliveriesOf(told)).toMatchObject([{ badge: 2, alerts: [{ seq: 1 }, { seq: 3 }] }])
  })

  test('A7.9 P6 is told to nobody if whom to tell was being decided while it was marked', async ({
    talk,
    api,
    rpc,
    service: {
      ctx: { pool },
    },
  }) => {
    const { ben, conversationId } = talk
    await bind(api, ben)
    const client = await pool.connect()
    try {
      await client.query('begin')
      await client.query(`update member set read_seqs = '{2}' where conversation_id = $1 and user_id = $2`, [
        conversationId,
        ben.userId,
      ])
      const due = rpc.call('deliveries/due', {
        conversationId,
        firstSeq: 1,
        lastSeq: 3,
        userIds: [ben.userId as UserId],
        claim: uuid(),
      })
      await vi.waitUntil(async () => {
        const { rows } = await pool.query(
          `select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%alerted_after%'`,
        )
        return rows.length > 0
      })
      await client.query('commit')
      expect(deliveriesOf(await due)).toMatchObject([{ alerts: [{ seq: 1 }, { seq: 3 }] }])
    } finally {
      client.release(true)
    }
  })

  test('A7.9 P11 says nothing once a release that does not know of it has moved the watermark past it', async ({
    talk,
    service,
  }) => {
    const { ben, conversationId, ids, as } = talk
    await as.ben.mark(ids(2), true)
    await service.ctx.pool.query(
      'update member set read_seq = 2 where conversation_id = $1 and user_id = $2',
      [conversationId, ben.userId],
    )
    expect(await as.ben.unread()).toBe(1)
    await as.ben.mark(ids(2), false)
    expect(await as.ben.unread()).toBe(2)
    await as.ben.mark(ids(2), true)
    expect(await as.ben.unread()).toBe(1)
  })

  test('A7.9 P12 is explained as it is', async ({ talk, service, config }) => {
    const { ben, ids, as } = talk
    const readStep = async (message: string | undefined) => {
      const query = new URLSearchParams({ message: message ?? '', user: ben.userId }).toString()
      const headers = { 'x-parley-internal': config.internalSecret }
      const response = await fetch(`${service.internalUrl}/admin/explain?${query}`, { headers })
      const { steps } = (await response.json()) as { steps: { step: string }[] }
      return steps.find(({ step }) => step === 'read')
    }
    await as.ben.read(1)
    await as.ben.mark(ids(1), false)
    await as.ben.mark(ids(3), true)
    const [first, second, third] = ids(1, 2, 3)
    expect(await readStep(first)).toMatchObject({ state: 'open', marked: 'unread' })
    expect(await readStep(second)).not.toHaveProperty('marked')
    expect(await readStep(third)).toMatchObject({ state: 'done', marked: 'read' })
  })
})

describe('marking is refused, and nothing is kept,', () => {
  test('A7.9 P9 to who is no member, and of what a member does not see', async ({ talk, api }) => {
    const { ben, conversationId, ids, as } = talk
    const url = `/v1/conversations/${conversationId}`
    const eve = await signUp(api, 'eve')
    const asEve = await api.put(`${url}/marks`, { messageIds: ids(1), read: true }, eve.token)
    expect(asEve).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
    await api.post(`${url}/clear`, { seq: 1 }, ben.token)
    await api.post(`${url}/hidden`, { messageIds: ids(2) }, ben.token)
    const edit = { content: { text: 'edited' } }
    const { body } = await api.patch(`${url}/messages/${ids(3)[0]}`, edit, talk.ann.token)
    expect(body).toEqual({ seq: 4 })
    const unseen = [ids(1), ids(2), ids(4), ids(5), ['x.3'], [`${conversationId}.03`]]
    for (const messageIds of unseen) {
      const reply = await as.ben.mark([...ids(3), ...messageIds], true)
      expect(reply).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    }
    expect(await as.ben.standing()).toMatchObject({ unread: 1, readSeqs: undefined })
  })

  test('A7.9 P10 of more than 100 at once, and beyond 1,000 in a conversation', async ({ talk, service }) => {
    const { ben, conversationId, ids, as } = talk
    const many = ids(...Array.from({ length: 101 }, (_, i) => i + 1))
    for (const messageIds of [[], many])
      expect((await as.ben.mark(messageIds, true)).body).toMatchObject({ error: { code: 'invalid_request' } })
    await service.ctx.pool.query(
      `update member set read_seqs = array(select generate_series(2, 1000)::bigint)
      where conversation_id = $1 and user_id = $2`,
      [conversationId, ben.userId],
    )
    expect(await as.ben.mark(ids(1), true)).toMatchObject({ status: 200 })
    await as.ben.read(1)
    await service.ctx.pool.query(
      `update member set read_seqs = array(select generate_series(3, 1002)::bigint)
      where conversation_id = $1 and user_id = $2`,
      [conversationId, ben.userId],
    )
    const refused = await as.ben.mark(ids(1), false)
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect(await as.ben.standing()).toMatchObject({ readSeq: 1, unreadSeqs: undefined })
  })
})
