import { signUp } from '@parley/testing/chat-api'
import { describe, expect } from 'vitest'
import { bind, say, test as base } from './delivery-fixture.ts'

interface Explained {
  steps: { step: string; state: string; at?: string; [detail: string]: unknown }[]
  notPushed: string[]
  recipient: { connected: string; devices: { tokens: { kind: string }[] }[] }
}

const test = base.extend(
  'explain',
  ({ service, config }) =>
    async (message: string, user: string, secret = config.internalSecret) => {
      const url = `${service.internalUrl}/admin/explain?${new URLSearchParams({ message, user }).toString()}`
      const response = await fetch(url, { headers: { 'x-parley-internal': secret } })
      return { status: response.status, body: (await response.json()) as Explained, text: '' }
    },
)

describe('where a message is', () => {
  test('P12 is told from commit to screen, with times and without its content', async ({
    api,
    rpc,
    explain,
  }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    await bind(api, bob)
    const { conversationId, messageId, seq } = await say(api, alice, bob, 'secret of this test')
    const before = await explain(messageId, bob.userId)
    expect(before).toMatchObject({ status: 200, body: { notPushed: [] } })
    expect(before.body.steps.map(({ step, state }) => [step, state])).toEqual([
      ['committed', 'done'],
      ['doorbell', expect.stringMatching(/done|open/)],
      ['delivered', 'open'],
      ['told', 'open'],
      ['read', 'open'],
    ])
    const outcome = {
      userId: bob.userId,
      deviceId: 'phone',
      kind: 'fcm',
      seq,
      result: 'accepted',
      attempt: { audible: true, badge: 1, providerId: 'projects/p/messages/1' },
    } as never
    await rpc.call('deliveries/report', {
      conversationId: conversationId as never,
      asOf: '0',
      outcomes: [outcome],
    })
    await api.put(`/v1/conversations/${conversationId}/receipts/delivered`, { seq }, bob.token)
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq }, bob.token)
    const { body } = await explain(messageId, bob.userId)
    const at = expect.stringMatching(/^\d{4}-.*Z$/) as string
    expect(body.steps).toMatchObject([
      { step: 'committed', state: 'done', at },
      { step: 'doorbell' },
      { step: 'delivered', state: 'done', at },
      {
        step: 'push',
        at,
        result: 'accepted',
        deviceId: 'phone',
        providerId: 'projects/p/messages/1',
        audible: true,
      },
      { step: 'told', state: 'done' },
      { step: 'read', state: 'done', at },
    ])
    expect(JSON.stringify(body)).not.toContain('secret of this test')
  })

  test('P12 what was read with a later message was read by then', async ({ api, explain }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId, messageId } = await say(api, alice, bob, 'one')
    const { seq } = await say(api, alice, bob, 'two')
    await api.put(`/v1/conversations/${conversationId}/receipts/read`, { seq }, bob.token)
    const { body } = await explain(messageId, bob.userId)
    expect(body.steps.find(({ step }) => step === 'read')).toMatchObject({ state: 'by', upTo: seq })
  })

  test('P12 says why nobody was pushed', async ({ api, explain }) => {
    const [alice, bob] = [await signUp(api), await signUp(api)]
    const { conversationId, messageId } = await say(api, alice, bob)
    expect((await explain(messageId, bob.userId)).body.notPushed).toEqual(['no-push-token'])
    expect((await explain(messageId, alice.userId)).body.notPushed).toContain('own')
    await bind(api, bob)
    await api.put(`/v1/conversations/${conversationId}/notifications`, { level: 'none' }, bob.token)
    expect((await explain(messageId, bob.userId)).body.notPushed).toEqual(['silenced-by-user'])
    await api.post(`/v1/conversations/${conversationId}/hidden`, { messageIds: [messageId] }, bob.token)
    expect((await explain(messageId, bob.userId)).body.notPushed).toContain('hidden-by-user')
    const stranger = await signUp(api)
    expect((await explain(messageId, stranger.userId)).body.notPushed).toEqual(['not-a-member'])
  })

  test.for([
    ['a message there is not', 'g-none.1', 404],
    ['what is no message id', 'nothing', 404],
  ] as const)('of %s: %s is answered %i', async ([, message, status], { api, explain }) => {
    const bob = await signUp(api)
    expect((await explain(message, bob.userId)).status).toBe(status)
  })

  test('P9 is told to nobody who does not show the secret of the services', async ({ api, explain }) => {
    const bob = await signUp(api)
    expect((await explain('g-none.1', bob.userId, 'a guess at the secret')).status).toBe(403)
  })
})
