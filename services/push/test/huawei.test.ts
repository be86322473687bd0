import { randomUUID } from 'node:crypto'
import { startHuaweiSimulator } from '@parley/testing/huawei-simulator'
import { describe, expect } from 'vitest'
import { huaweiActions } from '../src/providers/huawei/huawei.ts'
import { callPush, conversationId, openSet, push, test as base, withdrawalPush } from './provider-fixture.ts'

const test = base.extend('huawei', async ({ redis }, { onCleanup }) => {
  const stack = new AsyncDisposableStack()
  onCleanup(() => stack.disposeAsync())
  // The access token is shared by app id through Redis.
  await redis.del('parley:push:token:{huawei:100000001}', 'parley:push:token:{huawei:100000001}:replaced')
  const simulator = stack.use(await startHuaweiSimulator())
  const open = (changes: object = {}) =>
    stack.use(openSet({ ...simulator.credentials, ...changes }, { redis }))
  return { simulator, open }
})

const token = () => ({ value: `huawei-${randomUUID()}` })

describe('Huawei', () => {
  test('is sent a notification with the badge, and what the app needs to open the conversation', async ({
    huawei,
  }) => {
    const sent = push('huawei', token())
    expect(await huawei.open().send(sent)).toMatchObject({ result: 'accepted' })
    const [received] = huawei.simulator.received()
    expect(received).toMatchObject({
      status: 200,
      token: sent.token.value,
      payload: {
        message: {
          android: {
            category: 'IM',
            notification: { title: 'Bob', body: 'hello', importance: 'NORMAL', badge: { set_num: 3 } },
          },
        },
      },
    })
    const { message } = (received?.payload ?? {}) as { message: { data: string } }
    expect(JSON.parse(message.data)).toMatchObject({ conversationId, seq: 1 })
  })

  test('gives one access token to all workers', async ({ huawei }) => {
    const workers = [huawei.open(), huawei.open()]
    const verdicts = await Promise.all(
      workers.flatMap((worker) => Array.from({ length: 10 }, () => worker.send(push('huawei', token())))),
    )
    expect(verdicts).toMatchObject(Array(20).fill({ result: 'accepted' }))
    expect(huawei.simulator.accessTokens()).toBe(1)
  })

  test('that calls the access token expired gets a new one, once', async ({ huawei }) => {
    const worker = huawei.open()
    await worker.send(push('huawei', token()))
    huawei.simulator.expireAccessTokens()
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => worker.send(push('huawei', token()))))
    expect(verdicts).toMatchObject(Array(10).fill({ result: 'accepted' }))
    expect(huawei.simulator.accessTokens()).toBe(2)
  })

  test('that refuses the credentials is left alone for a while', async ({ huawei }) => {
    const worker = huawei.open({ clientSecret: 'not the secret' })
    expect(await worker.send(push('huawei', token()))).toMatchObject({
      result: 'retry',
      reason: 'unavailable',
    })
    const requests = huawei.simulator.requests()
    expect(await worker.send(push('huawei', token()))).toMatchObject({ result: 'retry', reason: 'paused' })
    expect(huawei.simulator.requests()).toBe(requests)
  })

  test('that knows a token no more has it unbound', async ({ huawei }) => {
    const dead = token()
    huawei.simulator.unregister(dead.value)
    expect(await huawei.open().send(push('huawei', dead))).toMatchObject({
      result: 'dropped-token',
      reason: '80300007',
    })
  })

  test('over its quota of requests is left alone, by every push', async ({ huawei }) => {
    huawei.simulator.setFaults(({ path }) =>
      path.startsWith('/v1') ? { kind: 'answer', status: 503, headers: { 'retry-after': '7' } } : undefined,
    )
    const worker = huawei.open()
    expect(await worker.send(push('huawei', token()))).toMatchObject({ result: 'retry', afterMs: 7_000 })
    expect(await worker.send(push('huawei', token()))).toMatchObject({ result: 'retry', reason: 'paused' })
  })

  test.for(Object.entries(huaweiActions))(
    'says %s, which is acted upon as its table says',
    async ([code, action], { huawei }) => {
      huawei.simulator.setFaults(({ path }) =>
        path.startsWith('/v1')
          ? {
              kind: 'answer',
              status: code.startsWith('802') ? 401 : 400,
              body: JSON.stringify({ code, msg: '' }),
            }
          : undefined,
      )
      const verdict = await huawei.open().send(push('huawei', token()))
      const results = { drop: 'dropped-token', retry: 'retry', renew: 'refused', stop: 'refused' }
      expect(verdict).toMatchObject({ result: results[action.class], reason: code })
    },
  )

  test.for([
    ['a page of HTML', { kind: 'answer', status: 502, body: '<html>' }, 'status-502'],
    ['nothing, and hangs up', { kind: 'kill' }, 'unknown-disconnected'],
  ] as const)('that answers with %s is tried again', async ([, fault, reason], { huawei }) => {
    huawei.simulator.setFaults(({ path }) => (path.startsWith('/v1') ? fault : undefined))
    expect(await huawei.open().send(push('huawei', token()))).toMatchObject({ result: 'retry', reason })
  })

  test('takes a text of any length, and one without a title', async ({ huawei }) => {
    const long = push('huawei', token())
    long.alert = { ...long.alert, title: '', body: '👩🏽‍🚀"'.repeat(5_000) }
    expect(await huawei.open().send(long)).toMatchObject({ result: 'accepted' })
  })

  test('is told of what was read in data alone', async ({ huawei }) => {
    expect(await huawei.open().send(withdrawalPush('huawei', token()))).toMatchObject({ result: 'accepted' })
    expect(huawei.simulator.received()[0]?.payload).not.toHaveProperty('message.android.notification')
  })

  test('P7 is sent a call at high urgency, kept no longer than it rings', async ({ huawei }) => {
    expect(await huawei.open().send(callPush('huawei', token()))).toMatchObject({ result: 'accepted' })
    const [received] = huawei.simulator.received()
    const { message } = (received?.payload ?? {}) as { message: { android: { ttl: string } } }
    expect(message.android).toMatchObject({ urgency: 'HIGH', category: 'VOIP' })
    expect(Number.parseInt(message.android.ttl, 10)).toBeLessThanOrEqual(30)
  })
})
