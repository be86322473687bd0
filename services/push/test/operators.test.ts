import { randomUUID } from 'node:crypto'
import type { Delivery, PushOutcome, PushTarget } from '@parley/shared/delivery'
import type { DeviceId, UserId } from '@parley/shared/ids'
import { describe, expect } from 'vitest'
import type { DeadLetter } from '../src/dead-letters/dead-letters.ts'
import type { Replayed } from '../src/dead-letters/replay-letters.ts'
import { notify } from '../src/notify/notify.ts'
import type { TestedBinding } from '../src/test-push/test-push.ts'
import { delivery, dueReply, jobInHand, newToken, secret, test as base } from './fixture.ts'

const test = base
  .extend('ask', ({ push }) => async (method: string, path: string, body?: object, shown = secret) => {
    const response = await fetch(`${push.internalUrl}${path}`, {
      method,
      headers: { 'x-parley-internal': shown, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  })
  .extend('tokens', ({ messages }) => {
    const targets: PushTarget[] = []
    messages.handlers['push-tokens/list'] = ({ deviceId }) => ({
      targets: targets.filter((one) => deviceId === undefined || one.deviceId === deviceId),
    })
    return targets
  })
  .extend('again', ({ messages }) => {
    const deliveries: Delivery[] = []
    const reports: PushOutcome[] = []
    messages.handlers['deliveries/again'] = ({ deviceId }) =>
      dueReply(deliveries.filter((one) => one.deviceId === deviceId))
    return { deliveries, reports }
  })

function target(deviceId: string, kind: PushTarget['token']['kind'], value = newToken(kind)): PushTarget {
  const { userId, platform, badge, token } = delivery({ conversationId: 'g-1' as never, kind, token: value })
  return { userId, platform, badge, token, deviceId: deviceId as DeviceId }
}

describe('a test push', () => {
  test('P12 says of each binding which credentials were used, what was decided, and what the provider said', async ({
    ask,
    tokens,
    providers,
  }) => {
    const dead = newToken()
    providers.apns.unregister(dead, new Date())
    tokens.push(
      target('phone', 'apns'),
      target('phone', 'apns-voip'),
      target('phone', 'fcm'),
      target('tablet', 'apns', dead),
      target('browser', 'webpush', 'https://127.0.0.1:1/x'),
    )
    const { status, body } = await ask('POST', '/admin/push/test', { userId: 'ann' })
    expect(status).toBe(200)
    const bindings = body['bindings'] as TestedBinding[]
    expect(bindings).toMatchObject([
      {
        deviceId: 'phone',
        decision: 'send',
        result: 'accepted',
        providerId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        steps: [
          { step: 'credentials', set: 'env:apns-production' },
          { step: 'answered', status: 200 },
        ],
      },
      { decision: 'calls-alone', steps: [] },
      { decision: 'older', steps: [] },
      {
        result: 'dropped-token',
        reason: 'Unregistered',
        steps: [
          { step: 'credentials' },
          { step: 'answered', status: 410, reason: 'Unregistered', action: 'drop' },
        ],
      },
      { result: 'dropped-token', reason: 'BadSubscription' },
    ])
    expect(body['credentials']).toContainEqual({ name: 'webpush', provider: 'webpush', state: 'loaded' })
    // Tokens are told apart by a hash, and none is shown.
    expect(JSON.stringify(body)).not.toContain(dead)
    expect(bindings[0]?.binding.tokenHash).toMatch(/^[0-9a-f]{12}$/)
  })

  test('goes to one device alone if asked to', async ({ ask, tokens }) => {
    tokens.push(target('phone', 'apns'), target('tablet', 'apns'))
    const { body } = await ask('POST', '/admin/push/test', { userId: 'ann', deviceId: 'tablet' })
    expect(body['bindings']).toMatchObject([{ deviceId: 'tablet', result: 'accepted' }])
  })

  test.for([
    ['POST', '/admin/push/test', { userId: 'ann' }],
    ['GET', '/admin/push/dead-letters', undefined],
    ['POST', '/admin/push/dead-letters/replay', { ids: ['1-1'] }],
  ] as const)('P9 %s %s is for services of this cluster alone', async ([method, path, body], { ask }) => {
    expect((await ask(method, path, body, 'a guess at the secret')).status).toBe(403)
  })

  test.for([
    ['POST', '/admin/push/test', { userId: '/' }],
    ['POST', '/admin/push/test', { userId: 'ann', title: 'x'.repeat(201) }],
    ['POST', '/admin/push/dead-letters/replay', { ids: [] }],
    ['POST', '/admin/push/dead-letters/replay', { ids: ['*'] }],
    ['GET', '/admin/push/dead-letters?limit=501', undefined],
  ] as const)('P10 bad input is refused: %s %s %o', async ([method, path, body], { ask }) => {
    expect(await ask(method, path, body)).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_request' } },
    })
  })
})

describe('a dead letter', () => {
  test('is a push that was refused for good, is sent again when asked, and is gone when it was taken', async ({
    ask,
    push,
    conversation,
    providers,
    again,
  }) => {
    const one = delivery({ conversationId: conversation.id })
    conversation.asked.due = [one]
    providers.apns.setFaults(() => ({
      kind: 'answer',
      status: 400,
      body: JSON.stringify({ reason: 'BadCollapseId' }),
    }))
    await notify(push.ctx, conversation.job, jobInHand(randomUUID()))
    providers.apns.setFaults(undefined)
    const list = async () => (await ask('GET', '/admin/push/dead-letters')).body['letters'] as DeadLetter[]
    const [letter] = await list()
    expect(letter).toMatchObject({
      conversationId: conversation.id,
      seq: 1,
      userId: 'ann',
      deviceId: one.deviceId,
      kind: 'apns',
      reason: 'BadCollapseId',
    })
    const metrics = async () => (await fetch(`${push.internalUrl}/metrics`)).text()
    expect(await metrics()).toMatch(/^parley_push_dead_letters\{[^}]*\} 1$/m)
    again.deliveries.push({ ...one, alerts: one.alerts.map((alert) => ({ ...alert, audible: false })) })
    const { body } = await ask('POST', '/admin/push/dead-letters/replay', { ids: [letter?.id, '1-1'] })
    expect(body['replayed'] as Replayed[]).toEqual([
      { id: letter?.id, result: 'accepted' },
      { id: '1-1', result: 'gone' },
    ])
    expect(await list()).toEqual([])
    expect(conversation.outcomes().at(-1)).toMatchObject({ result: 'accepted', attempt: { audible: false } })
  })

  test('P11 of a kind that only a later release knows is shown like any other', async ({ ask, push }) => {
    await push.ctx.deadLetters.add('g-1' as never, [
      {
        userId: 'ann' as UserId,
        deviceId: 'phone' as DeviceId,
        kind: 'of-a-later-release' as never,
        seq: 1,
        result: 'refused',
        reason: 'unknown-kind',
        attempt: { audible: false, badge: 1 },
      },
    ])
    const { body } = await ask('GET', '/admin/push/dead-letters?limit=1')
    expect(body['letters']).toMatchObject([{ kind: 'of-a-later-release', reason: 'unknown-kind' }])
    await push.ctx.deadLetters.remove((body['letters'] as DeadLetter[]).map(({ id }) => id))
  })

  test('P6 of a message the user has got meanwhile is not sent, and gone', async ({
    ask,
    push,
    again,
    providers,
  }) => {
    expect(again.deliveries).toEqual([])
    await push.ctx.deadLetters.add('g-1' as never, [
      {
        userId: 'ann' as UserId,
        deviceId: 'phone' as DeviceId,
        kind: 'apns',
        seq: 1,
        result: 'refused',
        reason: 'BadTopic',
        attempt: { audible: false, badge: 1 },
      },
    ])
    const requests = providers.apns.requests()
    const { body } = await ask('GET', '/admin/push/dead-letters?limit=1')
    const [letter] = body['letters'] as DeadLetter[]
    const replayed = await ask('POST', '/admin/push/dead-letters/replay', { ids: [letter?.id] })
    expect(replayed.body['replayed']).toEqual([{ id: letter?.id, result: 'not-due' }])
    expect(providers.apns.requests()).toBe(requests)
  })
})
