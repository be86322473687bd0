import { AppError } from '@parley/shared/errors'
import { type ConversationId, type UserId, uuidFrom } from '@parley/shared/ids'
import { RetryLater } from '@parley/shared/jobs'
import type { FaultRule } from '@parley/testing/http2-simulator'
import type { PushSimulators } from '@parley/testing/push-simulators'
import { afterEach, describe, expect } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { notify } from '../src/notify/notify.ts'
import { withdraw } from '../src/notify/withdraw.ts'
import { startPush } from '../src/service.ts'
import { delivery, jobInHand, newToken, secret, test } from './fixture.ts'

const received = (providers: PushSimulators, token: string) =>
  [...providers.apns.received(), ...providers.fcm.received()].filter((push) => push.token === token)

/** The first request that concerns the token is treated so; a retry is not. */
function firstOf(token: string, fault: ReturnType<FaultRule>): FaultRule {
  let done = false
  return ({ path, body }) => {
    if (done || !(path.includes(token) || body.includes(token))) return undefined
    done = true
    return fault
  }
}

afterEach<{ providers: PushSimulators }>(({ providers }) => {
  providers.apns.setFaults(undefined)
  providers.fcm.setFaults(undefined)
})

describe('a chat push', () => {
  test('reaches each device once and is reported, through APNs and FCM', async ({
    push,
    providers,
    conversation,
  }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const due = [
      delivery({ conversationId: conversation.id }),
      delivery({ conversationId: conversation.id, kind: 'fcm' }),
    ]
    await conversation.push(due)
    await expect.poll(conversation.outcomes).toHaveLength(2)
    expect(conversation.outcomes()).toEqual(
      expect.arrayContaining(
        due.map(({ userId, deviceId, token }) =>
          expect.objectContaining({ userId, deviceId, kind: token.kind, seq: 1, result: 'accepted' }),
        ),
      ),
    )
    for (const { token } of due) expect(received(providers, token.value)).toMatchObject([{ status: 200 }])
  })

  test('carries ids that a repetition shares, and what the app needs to open it', async ({
    push,
    providers,
    conversation,
  }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const apns = delivery({ conversationId: conversation.id })
    const fcm = delivery({ conversationId: conversation.id, kind: 'fcm' })
    await conversation.push([apns, fcm])
    await expect.poll(conversation.outcomes).toHaveLength(2)
    const messageId = apns.alerts[0]?.messageId ?? ''
    const [onApple] = received(providers, apns.token.value)
    expect(onApple?.headers).toMatchObject({
      'apns-id': uuidFrom(messageId, apns.userId, apns.deviceId),
      'apns-collapse-id': messageId,
      'apns-topic': 'dev.parley.app',
      'apns-push-type': 'alert',
      'apns-priority': '10',
    })
    expect(onApple?.payload).toEqual({
      aps: {
        alert: { title: 'Bob', body: 'hello' },
        badge: 3,
        sound: 'default',
        'interruption-level': 'active',
        'thread-id': conversation.id,
        'mutable-content': 1,
      },
      conversationId: conversation.id,
      messageId,
      seq: 1,
    })
    const [onAndroid] = received(providers, fcm.token.value)
    expect(onAndroid?.payload).toMatchObject({
      message: {
        notification: { title: 'Bob', body: 'hello' },
        data: { conversationId: conversation.id, messageId, seq: '1' },
        android: { priority: 'HIGH', notification: { tag: messageId } },
      },
    })
  })

  test('P6 reaches each of two users whose devices have the same id', async ({
    push,
    providers,
    conversation,
  }) => {
    const [one, other] = [
      delivery({ conversationId: conversation.id }),
      delivery({ conversationId: conversation.id }),
    ]
    const due = [one, { ...other, userId: 'ben' as UserId, deviceId: one.deviceId }]
    conversation.asked.due = due
    await notify(push.ctx, conversation.job, jobInHand(`same-${conversation.id}`))
    for (const { token } of due) expect(received(providers, token.value)).toHaveLength(1)
  })

  test('P6 comes without sound where a job had the right to it before and the ledger knows nothing of it any more', async ({
    push,
    providers,
    conversation,
  }) => {
    const one = { ...delivery({ conversationId: conversation.id }), again: true as const }
    conversation.asked.due = [one]
    await notify(push.ctx, conversation.job, jobInHand(`again-${conversation.id}`))
    const [shown] = received(providers, one.token.value)
    expect(shown?.payload).toMatchObject({ aps: { alert: { body: 'hello' } } })
    expect(shown?.payload).not.toHaveProperty('aps.sound')
  })

  test('P6 sounds once where two runs of a job try again what failed, because the first was taken for dead', async ({
    push,
    providers,
    conversation,
  }) => {
    const one = delivery({ conversationId: conversation.id })
    conversation.asked.due = [one]
    providers.apns.setFaults(firstOf(one.token.value, { kind: 'answer', status: 500, body: '{}' }))
    const run = (attempt: number) => {
      const hands = jobInHand(`twice-${conversation.id}`, { attempt, lastAttempt: attempt > 1 })
      return notify(push.ctx, conversation.job, hands)
    }
    await expect(run(1)).rejects.toThrow(RetryLater)
    conversation.asked.due = [{ ...one, again: true }]
    await Promise.all([run(2), run(2)])
    const shown = received(providers, one.token.value).filter(({ status }) => status === 200)
    expect(shown.length).toBeGreaterThan(0)
    expect(JSON.stringify(shown.map(({ payload }) => payload)).split('"sound"')).toHaveLength(2)
  })

  test('of several messages arrives oldest first', async ({ push, providers, conversation }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const one = delivery({ conversationId: conversation.id, seqs: [1, 2, 3, 4, 5] })
    await conversation.push([one])
    await expect.poll(conversation.outcomes).toHaveLength(5)
    const seqs = received(providers, one.token.value).map(({ payload }) => (payload as { seq: number }).seq)
    expect(seqs).toEqual([1, 2, 3, 4, 5])
  })

  test('P11 for a kind of token that only a later release knows is left to that', async ({
    push,
    conversation,
  }) => {
    const known = delivery({ conversationId: conversation.id })
    const later = delivery({ conversationId: conversation.id })
    later.token.kind = 'of-a-later-release' as never
    conversation.asked.due = [known, later]
    await expect(notify(push.ctx, conversation.job, jobInHand('later'))).rejects.toThrow(RetryLater)
    expect(conversation.outcomes()).toMatchObject([
      { result: 'accepted' },
      { result: 'retry', reason: 'unknown-kind' },
    ])
  })

  test('P7 never goes to a token that is for calls alone', async ({ push, providers, conversation }) => {
    const one = delivery({ conversationId: conversation.id, kind: 'apns-voip' })
    conversation.asked.due = [one]
    await notify(push.ctx, conversation.job, jobInHand('voip'))
    expect(conversation.outcomes()).toMatchObject([{ result: 'refused', reason: 'calls-alone' }])
    expect(received(providers, one.token.value)).toEqual([])
  })
})

describe('a dead token', () => {
  test.for([
    ['410 after its registration: dropped', 1, 'dropped-token'],
    ['410 from before its registration: kept, and tried again', -1, 'retry'],
  ] as const)('%s', async ([, offset, result], { push, providers, conversation }) => {
    const updatedAt = new Date(Date.now() - 60_000)
    const since = new Date(updatedAt.getTime() + offset * 1_000)
    const one = delivery({ conversationId: conversation.id, updatedAt })
    providers.apns.unregister(one.token.value, since)
    conversation.asked.due = [one]
    await Promise.allSettled([notify(push.ctx, conversation.job, jobInHand(`dead-${offset}`))])
    const deadToken = { value: one.token.value, since: since.toISOString() }
    expect(conversation.outcomes()).toEqual([
      expect.objectContaining({ result, ...(result === 'dropped-token' ? { deadToken } : {}) }),
    ])
  })

  test('of FCM is dropped as of the moment it was asked', async ({ push, providers, conversation }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const one = delivery({ conversationId: conversation.id, kind: 'fcm' })
    providers.fcm.unregister(one.token.value)
    const before = Date.now()
    await conversation.push([one])
    await expect
      .poll(conversation.outcomes)
      .toMatchObject([
        { result: 'dropped-token', reason: 'UNREGISTERED', deadToken: { value: one.token.value } },
      ])
    expect(Date.parse(conversation.outcomes()[0]?.deadToken?.since ?? '')).toBeGreaterThanOrEqual(before)
  })

  test('is not asked again for the messages that follow, and a new token is', async ({
    push,
    providers,
    conversation,
  }) => {
    const one = delivery({ conversationId: conversation.id, seqs: [1, 2, 3] })
    providers.apns.unregister(one.token.value, new Date())
    conversation.asked.due = [one]
    await notify(push.ctx, conversation.job, jobInHand('dead-first'))
    expect(conversation.outcomes().map(({ result }) => result)).toEqual(Array(3).fill('dropped-token'))
    expect(received(providers, one.token.value)).toHaveLength(1)

    const renewed = { ...one, token: { ...one.token, value: newToken() } }
    conversation.asked.due = [renewed]
    await notify(push.ctx, conversation.job, jobInHand('dead-second'))
    expect(received(providers, renewed.token.value)).toHaveLength(3)
  })
})

describe('a job that is tried again', () => {
  test.for([
    ['apns', 500, 'InternalServerError', '{"reason":"InternalServerError"}'],
    [
      'fcm',
      500,
      'INTERNAL',
      '{"error":{"code":500,"status":"INTERNAL","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INTERNAL"}]}}',
    ],
  ] as const)(
    'after a %s %i sends again only what is open',
    async ([kind, status, reason, body], { push, providers, conversation }) => {
      expect(push.internalUrl).toMatch(/^http/)
      const due = Array.from({ length: 5 }, () => delivery({ conversationId: conversation.id, kind }))
      const unlucky = due[2]?.token.value ?? ''
      providers[kind].setFaults(firstOf(unlucky, { kind: 'answer', status, body }))
      await conversation.push(due)
      await expect.poll(() => conversation.asked.reports.length).toBe(2)

      const [first, second] = conversation.asked.reports
      expect(first?.filter(({ result }) => result === 'retry')).toMatchObject([{ reason }])
      // The second says all again: only together do they tell that the user has been told.
      expect(second?.map(({ result }) => result)).toEqual(Array(5).fill('accepted'))
      for (const { token } of due) {
        expect(received(providers, token.value).filter((one) => one.status === 200)).toHaveLength(1)
      }
    },
  )

  test('repeats what has an unknown fate under the same ids', async ({ push, providers, conversation }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const one = delivery({ conversationId: conversation.id })
    providers.apns.setFaults(firstOf(one.token.value, { kind: 'kill' }))
    await conversation.push([one])
    await expect
      .poll(conversation.outcomes)
      .toMatchObject([{ result: 'retry', reason: 'unknown-disconnected' }, { result: 'accepted' }])
    const [lost, repeated] = received(providers, one.token.value)
    expect(lost?.answered).toBe(false)
    expect(repeated?.headers['apns-id']).toBe(lost?.headers['apns-id'])
    expect(repeated?.headers['apns-collapse-id']).toBe(lost?.headers['apns-collapse-id'])
  })

  test('waits as long as the provider asked', async ({ push, providers, conversation }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const one = delivery({ conversationId: conversation.id, kind: 'fcm' })
    const answer = { kind: 'answer', status: 429, headers: { 'retry-after': '3' } } as const
    providers.fcm.setFaults(firstOf(one.token.value, answer))
    await conversation.push([one])
    await expect.poll(() => conversation.asked.reports.length).toBe(1)
    const reportedAt = Date.now()
    await expect.poll(() => conversation.asked.reports.length).toBe(2)
    expect(Date.now() - reportedAt).toBeGreaterThan(2_500)
    expect(conversation.outcomes()).toMatchObject([{ result: 'retry' }, { result: 'accepted' }])
  })

  test('does not send again when only the report failed', async ({
    push,
    providers,
    messages,
    conversation,
  }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const one = delivery({ conversationId: conversation.id })
    const report = messages.handlers['deliveries/report']
    let refused = 0
    messages.handlers['deliveries/report'] = (request) => {
      if (request.conversationId !== conversation.id || refused > 0) return report?.(request) ?? {}
      refused++
      throw new AppError('unavailable', 'not now')
    }
    await conversation.push([one])
    await expect.poll(conversation.outcomes).toMatchObject([{ result: 'accepted' }])
    expect(refused).toBe(1)
    expect(received(providers, one.token.value)).toHaveLength(1)
  })

  test('for the last time closes what is open as refused', async ({ push, providers, conversation }) => {
    const one = delivery({ conversationId: conversation.id })
    const fault = { kind: 'answer', status: 500, body: '{"reason":"InternalServerError"}' } as const
    providers.apns.setFaults(({ path }) => (path.includes(one.token.value) ? fault : undefined))
    conversation.asked.due = [one]
    const attempt = (lastAttempt: boolean) =>
      notify(push.ctx, conversation.job, jobInHand(`last-${conversation.id}`, { lastAttempt }))
    await expect(attempt(false)).rejects.toThrow(RetryLater)
    await attempt(true)
    expect(conversation.outcomes()).toMatchObject([
      { result: 'retry', reason: 'InternalServerError' },
      { result: 'refused', reason: 'InternalServerError' },
    ])
  })
})

const soundOf = (providers: PushSimulators, token: string) =>
  received(providers, token).map(({ payload }) => (payload as { aps: { sound?: string } }).aps.sound)

describe('a user with several devices', () => {
  test('P6 hears an alert on the one in use last, and sees it on the others', async ({
    push,
    providers,
    conversation,
  }) => {
    const due = Array.from({ length: 3 }, () => delivery({ conversationId: conversation.id }))
    conversation.asked.due = due
    await notify(push.ctx, conversation.job, jobInHand(`several-${conversation.id}`))
    expect(due.map(({ token }) => soundOf(providers, token.value))).toEqual([
      ['default'],
      [undefined],
      [undefined],
    ])
  })

  test('P6 hears it on the next device if the first has a dead token', async ({
    push,
    providers,
    conversation,
  }) => {
    const [dead, next] = [
      delivery({ conversationId: conversation.id }),
      delivery({ conversationId: conversation.id }),
    ]
    providers.apns.unregister(dead.token.value, new Date())
    conversation.asked.due = [dead, next]
    await notify(push.ctx, conversation.job, jobInHand(`dead-${conversation.id}`))
    expect(soundOf(providers, next.token.value)).toEqual(['default'])
  })

  test('P6 is not disturbed twice by an alert that may have arrived', async ({
    push,
    providers,
    conversation,
  }) => {
    const one = delivery({ conversationId: conversation.id })
    providers.apns.setFaults(firstOf(one.token.value, { kind: 'kill' }))
    conversation.asked.due = [one]
    const id = `lost-${conversation.id}`
    await expect(notify(push.ctx, conversation.job, jobInHand(id))).rejects.toThrow(RetryLater)
    await notify(push.ctx, conversation.job, jobInHand(id, { attempt: 2, lastAttempt: true }))
    expect(soundOf(providers, one.token.value)).toEqual(['default', undefined])
  })
})

describe('a withdrawal', () => {
  test('P6 sets the badge and names what was read, without an alert', async ({
    push,
    providers,
    messages,
  }) => {
    const { alerts: _, ...target } = delivery({ conversationId: 'g-read' as ConversationId })
    const read = [{ conversationId: 'g-read', seq: 4 }]
    const reported: unknown[] = []
    messages.handlers['withdrawals/due'] = () => ({
      withdrawals: [{ ...target, badge: 1, read, gone: ['g-read.7'], asOf: '9' }],
    })
    messages.handlers['withdrawals/report'] = ({ outcomes }) => {
      reported.push(...outcomes)
      return {}
    }
    await withdraw(push.ctx, { userIds: [target.userId] }, jobInHand('read'))
    const [badge] = received(providers, target.token.value)
    expect(badge).toMatchObject({ status: 200, headers: { 'apns-priority': '5' } })
    expect(badge?.payload).toEqual({ aps: { badge: 1, 'content-available': 1 }, read, gone: ['g-read.7'] })
    expect(reported).toMatchObject([
      { deviceId: target.deviceId, badge: 1, read, gone: ['g-read.7'], asOf: '9', result: 'accepted' },
    ])
  })
})

describe('two jobs for the same message', () => {
  test('alert a device once', async ({ push, providers, conversation }) => {
    const one = delivery({ conversationId: conversation.id })
    conversation.asked.due = [one]
    for (const id of ['one', 'two']) {
      await notify(push.ctx, conversation.job, jobInHand(id))
    }
    expect(received(providers, one.token.value)).toHaveLength(1)
    expect(conversation.outcomes().map(({ result }) => result)).toEqual(['accepted', 'accepted'])
  })

  test('at the same time alert a device once, and leave it open to the one that sends', async ({
    push,
    providers,
    conversation,
  }) => {
    const due = Array.from({ length: 50 }, () => delivery({ conversationId: conversation.id }))
    conversation.asked.due = due
    await Promise.allSettled(
      ['one', 'two', 'three'].map((id) => notify(push.ctx, conversation.job, jobInHand(id))),
    )
    for (const { token } of due) expect(received(providers, token.value)).toHaveLength(1)
    const accepted = conversation.outcomes().filter(({ result }) => result === 'accepted')
    expect(new Set(accepted.map(({ deviceId }) => deviceId)).size).toBe(50)
  })
})

describe('the service', () => {
  test('reports a provider without credentials as such, and does not try again', async ({
    env,
    conversation,
  }) => {
    const {
      APNS_TEAM_ID: _team,
      APNS_KEY_ID: _key,
      APNS_PRIVATE_KEY: _pem,
      ...rest
    } = env as Record<string, string>
    await using other = await startPush(loadConfig(rest))
    conversation.asked.due = [delivery({ conversationId: conversation.id })]
    await notify(other.ctx, conversation.job, jobInHand(`off-${conversation.id}`))
    expect(conversation.outcomes()).toMatchObject([{ result: 'refused', reason: 'not-configured' }])
  })

  test('says that it is ready and counts what it did, without a token in it', async ({
    push,
    conversation,
  }) => {
    const one = delivery({ conversationId: conversation.id })
    await conversation.push([one])
    await expect.poll(conversation.outcomes).toHaveLength(1)
    for (const path of ['/livez', '/readyz']) {
      expect((await fetch(push.internalUrl + path)).status).toBe(200)
    }
    const metrics = await (await fetch(`${push.internalUrl}/metrics`)).text()
    expect(metrics).toMatch(
      /parley_push_attempts_total\{provider="apns",result="accepted",reason="",service="push"\}/,
    )
    expect(metrics).toMatch(/parley_push_delay_seconds_bucket/)
    expect(metrics).not.toContain(one.token.value)
    expect(metrics).not.toContain(secret)
  })
})
