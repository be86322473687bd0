import { randomUUID as uuid } from 'node:crypto'
import { deliveriesOf } from '@parley/shared/delivery'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { RpcClient } from '@parley/shared/rpc-client'
import { type Api, type Person, signUp } from '@parley/testing/chat-api'
import { sql } from 'kysely'
import { describe, expect, vi } from 'vitest'
import type { Context } from '../src/context.ts'
import { listReadAlerts } from '../src/deliveries/shown-store.ts'
import { bind, say, test, type WithdrawalJob } from './delivery-fixture.ts'

interface Told {
  conversationId: string
  seq: number
  asOf: string
  badge: number
}

/** Asks what `who` is to be told, as a worker does that is about to push it. */
async function ask(rpc: RpcClient, who: Person, conversationId: string): Promise<Told> {
  const due = await rpc.call('deliveries/due', {
    conversationId: conversationId as ConversationId,
    firstSeq: 1,
    lastSeq: 99,
    userIds: [who.userId as UserId],
    claim: uuid(),
  })
  const { badge = 0, alerts = [] } = deliveriesOf(due)[0] ?? {}
  return { conversationId, seq: alerts.at(-1)?.seq ?? 0, asOf: due.asOf, badge }
}

/** Reports it as accepted: from here on the phone shows it. */
async function report(
  rpc: RpcClient,
  who: Person,
  { conversationId, seq, asOf, badge }: Told,
  said: { result: string; reason?: string } = { result: 'accepted' },
) {
  const outcome = { userId: who.userId, deviceId: 'phone', kind: 'fcm', seq, ...said }
  await rpc.call('deliveries/report', {
    conversationId: conversationId as ConversationId,
    asOf,
    outcomes: [{ ...outcome, attempt: { audible: true, badge } }] as never,
  })
}

const due = async (rpc: RpcClient, who: Person, conversationId?: string) =>
  (
    await rpc.call('withdrawals/due', {
      userIds: [who.userId as UserId],
      conversationId: conversationId as ConversationId | undefined,
    })
  ).withdrawals

/** Says that the phone has taken everything back that is due, so that nothing is any more. */
async function settle(rpc: RpcClient, who: Person): Promise<void> {
  const outcomes = (await due(rpc, who)).map(({ userId, deviceId, token, badge, read, gone, asOf }) => {
    const result = 'accepted' as const
    return { userId, deviceId, kind: token.kind, badge, read, gone, asOf, result }
  })
  await rpc.call('withdrawals/report', { outcomes })
  expect(await due(rpc, who)).toEqual([])
}

/** One that names the conversation was made because an alert of it may have come too late. */
const hasJob = (withdrawn: WithdrawalJob[], who: Person, late?: string) =>
  vi.waitUntil(() =>
    withdrawn.some(
      ({ userIds, conversationId }) => userIds.includes(who.userId as UserId) && conversationId === late,
    ),
  )

/**
 * When no transaction of before goes on, of whatever database of this Postgres: while one does, what was told meanwhile
 * counts as told at the same time.
 */
async function othersEnded({ db }: Pick<Context, 'db'>): Promise<void> {
  const { rows } = await sql<{ now: string }>`select pg_current_xact_id()::text as now`.execute(db)
  await vi.waitUntil(async () => {
    const since = await sql<{ ended: boolean }>`
        select pg_snapshot_xmin(pg_current_snapshot()) > ${rows[0]?.now}::xid8 as ended`.execute(db)
    return since.rows[0]?.ended
  })
}

/** Alice's words and Bob's phone, in a group that Alice owns. */
async function talk(api: Api) {
  const [alice, bob] = [await signUp(api), await signUp(api)]
  await bind(api, bob)
  const draft = { name: 'G', policy: 'public', userIds: [bob.userId] }
  const { body } = await api.post('/v1/conversations', draft, alice.token)
  const { conversationId } = body['summary'] as unknown as { conversationId: string }
  const { body: sent } = await api.post(
    '/v1/messages',
    { clientMessageId: uuid(), to: { conversationId }, type: 'text', content: { text: 'hi' } },
    alice.token,
  )
  return { alice, bob, conversationId, messageId: sent['messageId'] as unknown as string }
}

interface Talk extends Awaited<ReturnType<typeof talk>> {
  api: Api
}

const url = ({ conversationId }: Talk) => `/v1/conversations/${conversationId}`

const endings: [string, (talk: Talk) => Promise<{ status: number }>, 'read' | 'gone', number][] = [
  ['recalled', (it) => it.api.delete(`${url(it)}/messages/${it.messageId}`, it.alice.token), 'gone', 0],
  [
    'hidden by the user',
    (it) => it.api.post(`${url(it)}/hidden`, { messageIds: [it.messageId] }, it.bob.token),
    'gone',
    0,
  ],
  [
    'read by itself (A7.9)',
    (it) => it.api.put(`${url(it)}/marks`, { messageIds: [it.messageId], read: true }, it.bob.token),
    'gone',
    0,
  ],
  ['cleared by the user', (it) => it.api.post(`${url(it)}/clear`, {}, it.bob.token), 'read', 0],
  ['of a group the user left', (it) => it.api.post(`${url(it)}/leave`, {}, it.bob.token), 'read', 0],
  [
    'of a group the user was removed from',
    (it) => it.api.post(`${url(it)}/kicks`, { userIds: [it.bob.userId] }, it.alice.token),
    'read',
    0,
  ],
  ['of a group that was dissolved', (it) => it.api.delete(url(it), it.alice.token), 'read', 0],
]

describe('alerts that hold no longer', () => {
  test('P6 an alert that was read on another device is taken back, also if it arrived after the reading', async ({
    api,
    rpc,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const told = await ask(rpc, bob, conversationId)
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    await report(rpc, bob, told)
    await hasJob(withdrawn, bob, conversationId)
    expect(await due(rpc, bob)).toMatchObject([
      { deviceId: 'phone', badge: 0, read: [{ conversationId, seq: 1 }] },
    ])
    await settle(rpc, bob)
  })

  test('P6 an alert that was sent after the reading, and never answered, is taken back', async ({
    api,
    rpc,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const told = await ask(rpc, bob, conversationId)
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    await settle(rpc, bob)
    await report(rpc, bob, told, { result: 'retry', reason: 'unknown-reset' })
    await hasJob(withdrawn, bob, conversationId)
    expect(await due(rpc, bob)).toMatchObject([{ deviceId: 'phone', badge: 0 }])
  })

  test.for(endings)(
    'P6 the alert of a message %s is taken back, and that is said once',
    async ([, end, list, badge], { api, rpc, withdrawn }) => {
      const it = { ...(await talk(api)), api }
      await report(rpc, it.bob, await ask(rpc, it.bob, it.conversationId))
      expect(await due(rpc, it.bob)).toEqual([])
      expect((await end(it)).status).toBeLessThan(300)
      await hasJob(withdrawn, it.bob)
      const { conversationId, messageId } = it
      const named = list === 'gone' ? messageId : expect.objectContaining({ conversationId })
      expect(await due(rpc, it.bob)).toEqual([
        expect.objectContaining({ deviceId: 'phone', badge, read: [], gone: [], [list]: [named] }),
      ])
      await settle(rpc, it.bob)
    },
  )

  test.for(endings)(
    'P6 the alert of a message %s while its push was on the way is taken back',
    async ([, end, list], { api, rpc, withdrawn }) => {
      const it = { ...(await talk(api)), api }
      const told = await ask(rpc, it.bob, it.conversationId)
      expect((await end(it)).status).toBeLessThan(300)
      expect(await ask(rpc, it.bob, it.conversationId)).toMatchObject({ seq: 0 })
      await settle(rpc, it.bob)
      await report(rpc, it.bob, told)
      await hasJob(withdrawn, it.bob, it.conversationId)
      const [withdrawal] = await due(rpc, it.bob, it.conversationId)
      expect(withdrawal?.[list]).toHaveLength(1)
      await settle(rpc, it.bob)
    },
  )

  test('P6 the alerts of somebody whom the user blocks are taken back, and none follows', async ({
    api,
    rpc,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    await report(rpc, bob, await ask(rpc, bob, conversationId))
    await say(api, alice, bob)
    const onTheWay = await ask(rpc, bob, conversationId)
    expect((await api.put(`/v1/contacts/${alice.userId}/block`, {}, bob.token)).status).toBeLessThan(300)
    expect(await ask(rpc, bob, conversationId)).toMatchObject({ seq: 0 })
    await hasJob(withdrawn, bob)
    expect(await due(rpc, bob)).toMatchObject([{ read: [{ conversationId, seq: 2 }] }])
    await settle(rpc, bob)
    await report(rpc, bob, onTheWay)
    expect(await due(rpc, bob)).toMatchObject([{ read: [{ conversationId }] }])
    await settle(rpc, bob)
  })

  test('P6 the alert of an entry that does not count as unread is taken back as well', async ({
    api,
    rpc,
    service,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    await service.ctx.pool.query('update entry set counted = false where conversation_id = $1', [
      conversationId,
    ])
    await report(rpc, bob, await ask(rpc, bob, conversationId))
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    await hasJob(withdrawn, bob)
    await settle(rpc, bob)
  })

  test('P6 P12 what a worker sent that died before it could say so is known as sent, and its badge put right', async ({
    api,
    rpc,
    service,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const { seq, asOf } = await ask(rpc, bob, conversationId)
    const outcome = { userId: bob.userId, deviceId: 'phone', kind: 'fcm', seq, result: 'accepted' }
    const outcomes = [outcome] as never
    const said = { conversationId: conversationId as ConversationId, asOf, outcomes }
    await rpc.call('deliveries/report', said)
    await hasJob(withdrawn, bob)
    expect(await due(rpc, bob)).toMatchObject([{ badge: 1, read: [], gone: [] }])
    await settle(rpc, bob)
    await rpc.call('deliveries/report', said)
    const { rows } = await service.ctx.pool.query(
      'select result from push_attempt where conversation_id = $1',
      [conversationId],
    )
    expect(rows).toEqual([{ result: 'accepted' }])
  })

  test('P6 alerts of two conversations that were on their way together leave a true badge, in whatever order they came', async ({
    api,
    rpc,
    service,
    withdrawn,
  }) => {
    const [alice, carol, bob] = [await signUp(api), await signUp(api), await signUp(api)]
    await bind(api, bob)
    const one = await ask(rpc, bob, (await say(api, alice, bob)).conversationId)
    const other = await ask(rpc, bob, (await say(api, carol, bob)).conversationId)
    expect([one.badge, other.badge]).toEqual([1, 2])
    await report(rpc, bob, one)
    await report(rpc, bob, other)
    await hasJob(withdrawn, bob)
    expect(await due(rpc, bob)).toMatchObject([{ badge: 2, read: [], gone: [] }])
    await settle(rpc, bob)
    await othersEnded(service.ctx)
    const next = await ask(rpc, bob, (await say(api, alice, bob)).conversationId)
    await report(rpc, bob, next)
    expect(await due(rpc, bob)).toEqual([])
  })

  /** Somebody whose device may show an alert that no worker will report, of a message that was delivered elsewhere. */
  async function loseAlert(api: Api, rpc: RpcClient) {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId, seq } = await ask(rpc, bob, (await say(api, alice, bob)).conversationId)
    await api.put(`/v1/conversations/${conversationId}/receipts/delivered`, { seq }, bob.token)
    return { alice, bob, conversationId, seq }
  }

  test('P6 an alert whose worker died for good leaves a true badge, once its message has been delivered elsewhere', async ({
    api,
    rpc,
  }) => {
    const { bob } = await loseAlert(api, rpc)
    expect(await due(rpc, bob)).toMatchObject([{ badge: 1, read: [], gone: [] }])
    await settle(rpc, bob)
  })

  test('P6 such an alert is not forgotten because a later entry of the conversation was nothing to tell', async ({
    api,
    rpc,
  }) => {
    const { alice, bob, conversationId } = await loseAlert(api, rpc)
    await say(api, bob, alice)
    expect(await ask(rpc, bob, conversationId)).toMatchObject({ seq: 0 })
    expect(await due(rpc, bob)).toMatchObject([{ badge: 1, read: [], gone: [] }])
    await settle(rpc, bob)
  })

  test('of more alerts than fit into one word, those of the conversation it is about come first, then always the same', async ({
    api,
    rpc,
    service: { ctx },
  }) => {
    const [alice, carol, bob] = [await signUp(api), await signUp(api), await signUp(api)]
    await bind(api, bob)
    const ids: string[] = []
    for (const from of [alice, carol]) {
      const { conversationId, seq } = await ask(rpc, bob, (await say(api, from, bob)).conversationId)
      await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq }, bob.token)
      ids.push(conversationId)
    }
    const first = async (also: string | null) =>
      (await listReadAlerts(ctx.db, [bob.userId], { also, limitEach: 1 })).map((mark) => mark.conversationId)
    const [one = '', two = ''] = ids.toSorted()
    expect([await first(one), await first(two), await first(null)]).toEqual([[one], [two], [one]])
  })
})
