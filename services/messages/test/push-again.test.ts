import { type AgainQuery, deliveriesOf } from '@parley/shared/delivery'
import { signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { bind, say, test } from './delivery-fixture.ts'

describe('a push that was given up and is asked for again', () => {
  test('P6 is without sound, changes nothing, and is for whom the message has not reached', async ({
    api,
    rpc,
  }) => {
    const [alice, bob] = [await signUp(api, 'alice-again', { displayName: 'Alice' }), await signUp(api)]
    await bind(api, bob)
    const { conversationId, seq } = await say(api, alice, bob, 'hello')
    const query = { conversationId, seq, userId: bob.userId, deviceId: 'phone' } as unknown as AgainQuery
    const ask = async (changes: object = {}) =>
      deliveriesOf(await rpc.call('deliveries/again', { ...query, ...changes }))
    const expected = [{ badge: 1, alerts: [{ seq, title: 'Alice', body: 'hello', audible: false }] }]
    expect(await ask()).toMatchObject(expected)
    expect(await ask()).toMatchObject(expected)
    expect(await ask({ deviceId: 'another' })).toEqual([])
    expect(await ask({ userId: alice.userId })).toEqual([])
    expect(await ask({ seq: seq + 1 })).toEqual([])
    await api.put(`/v1/conversations/${conversationId}/receipts/delivered`, { seq }, bob.token)
    expect(await ask()).toEqual([])
  })
})
