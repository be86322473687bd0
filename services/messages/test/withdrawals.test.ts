import { signUp } from '@parley/testing/chat-api'
import { describe, expect, vi } from 'vitest'
import { bind, say, test } from './delivery-fixture.ts'

describe('alerts that hold no longer', () => {
  test('P6 an alert that was read on another device is taken back, also if it arrived after the reading', async ({
    api,
    rpc,
    withdrawn,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId } = await say(api, alice, bob)
    const query = { conversationId, firstSeq: 1, lastSeq: 1, userIds: [bob.userId], claim: 'one' } as never
    const { asOf } = await rpc.call('deliveries/due', query)
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq: 1 }, bob.token)
    const outcomes = [
      {
        userId: bob.userId,
        deviceId: 'phone',
        kind: 'fcm',
        seq: 1,
        result: 'accepted',
        attempt: { audible: true, badge: 1 },
      },
    ] as never
    await rpc.call('deliveries/report', { conversationId: conversationId as never, asOf, outcomes })
    await vi.waitUntil(() => withdrawn.some(({ userIds }) => userIds.includes(bob.userId as never)), {
      timeout: 10_000,
    })
    const due = async () =>
      (await rpc.call('withdrawals/due', { userIds: [bob.userId as never] })).withdrawals
    const read = [{ conversationId, seq: 1 }]
    expect(await due()).toMatchObject([{ deviceId: 'phone', badge: 0, read }])
    await rpc.call('withdrawals/report', {
      outcomes: [
        { userId: bob.userId, deviceId: 'phone', kind: 'fcm', read, badge: 0, result: 'accepted' },
      ] as never,
    })
    expect(await due()).toEqual([])
  })
})
