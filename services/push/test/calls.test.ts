import { randomUUID } from 'node:crypto'
import type { CallNotice } from '@parley/shared/call-notice'
import type { PushTarget } from '@parley/shared/delivery'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import { openQueue, RetryLater } from '@parley/shared/jobs'
import { callPush } from '@parley/shared/queues'
import { startRinging, stopRinging } from '@parley/shared/ringing'
import type { FaultRule } from '@parley/testing/http2-simulator'
import type { PushSimulators } from '@parley/testing/push-simulators'
import { describe, expect, vi } from 'vitest'
import { pushCall } from '../src/calls/push-call.ts'
import { delivery, dueReply, jobInHand, log, newToken, test as base } from './fixture.ts'

const users = ['ann', 'cem'] as UserId[]

function target(
  kind: PushTarget['token']['kind'],
  userId = users[0] as UserId,
  token = newToken(kind),
): PushTarget {
  return {
    userId,
    deviceId: `device-${randomUUID()}` as DeviceId,
    platform: 'ios',
    token: { kind, value: token, environment: 'production', updatedAt: new Date(0).toISOString() },
    badge: 0,
  }
}

const test = base
  .extend('targets', async ({ messages }) => {
    const targets: PushTarget[] = []
    messages.handlers['calls/targets'] = ({ userIds }) => ({
      targets: targets.filter(({ userId }) => userIds.includes(userId)),
    })
    return targets
  })
  .extend('forgotten', async ({ messages }) => {
    const values: string[] = []
    messages.handlers['push-tokens/forget'] = ({ tokens }) => {
      values.push(...tokens.map(({ value }) => value))
      return {}
    }
    return values
  })
  .extend('call', async ({ push }) => {
    const call: CallNotice = {
      callId: randomUUID(),
      conversationId: 'g-1' as CallNotice['conversationId'],
      callerId: 'bob' as UserId,
      callerName: 'Bob',
      media: 'video',
      startedAt: new Date().toISOString(),
      ringUntil: new Date(Date.now() + 60_000).toISOString(),
    }
    await startRinging(push.ctx.redis, call, users)
    return call
  })
  .extend(
    'run',
    async ({ push, call }) =>
      (
        action: 'ring' | 'stop',
        changes: { call?: CallNotice; except?: { userId: UserId; deviceId: DeviceId }[] } = {},
        job = jobInHand(randomUUID()),
      ) =>
        pushCall(push.ctx, { action, call, userIds: users, except: [], ...changes }, job),
  )

const of = (providers: PushSimulators, { token }: PushTarget) =>
  [...providers.apns.received(), ...providers.fcm.received()].filter((one) => one.token === token.value)

describe('a call', () => {
  test('P7 rings each device once, by a push that is not kept, and over a socket where it can', async ({
    run,
    call,
    targets,
    providers,
  }) => {
    const [phone, pad, tablet] = [target('apns-voip'), target('apns-voip'), target('fcm', users[1])]
    targets.push(phone, pad, tablet)
    await run('ring', { except: [pad] })
    await run('ring', { except: [pad] })
    expect(of(providers, phone)).toMatchObject([
      {
        status: 200,
        payload: { action: 'ring', call },
        headers: {
          'apns-push-type': 'voip',
          'apns-topic': 'dev.parley.app.voip',
          'apns-expiration': '0',
          'apns-priority': '10',
        },
      },
    ])
    expect(of(providers, pad)).toEqual([])
    const [received] = of(providers, tablet)
    expect(received).toMatchObject({ status: 200, payload: { message: { android: { priority: 'HIGH' } } } })
    const { message } = (received?.payload ?? {}) as { message: { android: { ttl: string } } }
    expect(Number.parseInt(message.android.ttl, 10)).toBeLessThanOrEqual(60)
    expect(message.android).not.toHaveProperty('collapse_key')
  })

  test('P7 rings two people who gave their devices the same name', async ({ run, targets, providers }) => {
    const [one, two] = [target('apns-voip'), target('apns-voip', users[1])]
    two.deviceId = one.deviceId
    targets.push(one, two)
    await run('ring', { except: [{ userId: 'somebody' as UserId, deviceId: one.deviceId }] })
    expect(of(providers, one)).toHaveLength(1)
    expect(of(providers, two)).toHaveLength(1)
  })

  test('P7 that was answered before its push is not rung', async ({
    run,
    call,
    push,
    targets,
    providers,
  }) => {
    const [answered, ringing] = [target('apns-voip'), target('apns-voip', users[1])]
    targets.push(answered, ringing)
    await stopRinging(push.ctx.redis, call.callId, [answered.userId])
    await run('ring')
    expect(of(providers, answered)).toEqual([])
    expect(of(providers, ringing)).toHaveLength(1)
  })

  test('P7 that has rung out is neither rung nor stopped, however late its job comes', async ({
    run,
    call,
    targets,
    providers,
  }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    const over = { ...call, ringUntil: new Date(Date.now() - 1).toISOString() }
    await run('ring', { call: over })
    await run('stop', { call: over })
    expect(of(providers, phone)).toEqual([])
  })

  test('P7 that nobody remembers, because Redis was wiped, rings nobody', async ({
    run,
    call,
    targets,
    providers,
  }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    await run('ring', { call: { ...call, callId: randomUUID() } })
    expect(of(providers, phone)).toEqual([])
  })

  test('P7 that stops is stopped once on the devices that were rung, and on no other', async ({
    run,
    call,
    push,
    targets,
    providers,
  }) => {
    const [rung, bySocket, later] = [target('apns-voip'), target('apns-voip'), target('apns-voip')]
    targets.push(rung, bySocket)
    await run('ring', { except: [bySocket] })
    targets.push(later)
    await stopRinging(push.ctx.redis, call.callId, users)
    await run('stop')
    await run('stop')
    const actions = (one: PushTarget) =>
      of(providers, one).map(({ payload }) => (payload as { action: string }).action)
    expect(actions(rung)).toEqual(['ring', 'stop'])
    expect(actions(bySocket)).toEqual([])
    expect(actions(later)).toEqual([])
    // Both name the same call, so that the phone ends the one it shows.
    expect(of(providers, rung).map(({ payload }) => (payload as { call: CallNotice }).call.callId)).toEqual([
      call.callId,
      call.callId,
    ])
  })

  test('P7 that stopped before its ring was sent is not rung after it', async ({
    run,
    targets,
    providers,
  }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    await run('stop')
    await run('ring')
    expect(of(providers, phone)).toEqual([])
  })

  test('P7 whose ring may have come at the first try is stopped, though no other try was taken', async ({
    run,
    call,
    push,
    targets,
    providers,
  }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    const faults: FaultRule[] = [
      () => ({ kind: 'reset' }),
      () => ({ kind: 'answer', status: 400, body: JSON.stringify({ reason: 'BadTopic' }) }),
    ]
    providers.apns.setFaults((request) => faults.shift()?.(request))
    const job = jobInHand(randomUUID())
    await expect(run('ring', {}, job)).rejects.toThrow(RetryLater)
    await run('ring', {}, { ...job, attempt: 2 })
    expect(faults).toEqual([])
    await stopRinging(push.ctx.redis, call.callId, users)
    await run('stop')
    expect(of(providers, phone).at(-1)).toMatchObject({ status: 200, payload: { action: 'stop' } })
  })

  test('P7 that stops while the answer to its ring is late, or lost, is stopped where it may ring', async ({
    call,
    push,
    messages,
    targets,
    providers,
  }) => {
    await using stack = new AsyncDisposableStack()
    stack.defer(() => providers.apns.setFaults(undefined))
    const [slow, lost] = [target('apns-voip'), target('apns-voip', users[1])]
    targets.push(slow, lost)
    const answered = Promise.withResolvers<void>()
    stack.defer(answered.resolve)
    providers.apns.setFaults(({ path, body }) => {
      if (!body.includes('"ring"')) return undefined
      if (path.endsWith(slow.token.value)) return { kind: 'late', until: answered.promise }
      return path.endsWith(lost.token.value) ? { kind: 'reset' } : undefined
    })
    const calls = stack.use(openQueue(callPush, push.ctx.queueRedis, log))
    const add = (action: 'ring' | 'stop') =>
      calls.add([{ id: randomUUID(), data: { action, call, userIds: users } }])
    const actions = (one: PushTarget) =>
      new Set(of(providers, one).map(({ payload }) => (payload as { action: string }).action))
    await add('ring')
    await expect.poll(() => [...actions(slow), ...actions(lost)]).toEqual(['ring', 'ring'])
    await stopRinging(push.ctx.redis, call.callId, users)
    let asked = 0
    const findTargets = messages.handlers['calls/targets']
    messages.handlers['calls/targets'] = (request) => {
      asked++
      return findTargets?.(request) ?? { targets: [] }
    }
    await add('stop')
    await expect.poll(() => asked).toBeGreaterThan(4)
    expect([...actions(slow)]).toEqual(['ring'])
    answered.resolve()
    await expect.poll(() => [...actions(slow)]).toEqual(['ring', 'stop'])
    await expect.poll(() => [...actions(lost)]).toEqual(['ring', 'stop'])
  })

  test('rings while as many chats as there are jobs wait for an answer about them', async ({
    run,
    queue,
    targets,
    providers,
    messages,
  }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    await using stack = new AsyncDisposableStack()
    const answered = Promise.withResolvers<void>()
    const handlers = { ...messages.handlers }
    stack.defer(() => {
      Object.assign(messages.handlers, handlers)
      answered.resolve()
    })
    let asked = 0
    messages.handlers['deliveries/due'] = async () => {
      asked++
      await answered.promise
      return dueReply([])
    }
    const chat = (i: number) => ({
      id: randomUUID(),
      data: {
        conversationId: `g-${i}` as ConversationId,
        firstSeq: 1,
        lastSeq: 1,
        userIds: users,
      },
    })
    await queue.add(Array.from({ length: 32 }, (_, i) => chat(i)))
    // As many as there are connections for.
    await vi.waitUntil(() => asked === 16)
    await run('ring')
    expect(of(providers, phone)).toHaveLength(1)
    // None of them has been given up, so none has left its connection to the call.
    expect(asked).toBe(16)
  })

  test('that a provider cannot take just now is tried again, and the others are not rung twice', async ({
    run,
    targets,
    providers,
  }) => {
    const [busy, fine] = [target('apns-voip'), target('apns-voip', users[1])]
    targets.push(busy, fine)
    const faults: FaultRule = ({ path }) =>
      path.endsWith(busy.token.value)
        ? { kind: 'answer', status: 500, body: JSON.stringify({ reason: 'InternalServerError' }) }
        : undefined
    providers.apns.setFaults(faults)
    const job = jobInHand(randomUUID())
    await expect(run('ring', {}, job)).rejects.toThrow(RetryLater)
    providers.apns.setFaults(undefined)
    await run('ring', {}, { ...job, attempt: 2 })
    expect(of(providers, busy)).toHaveLength(1)
    expect(of(providers, fine)).toHaveLength(1)
  })

  test('on a token that is dead has it forgotten', async ({ run, targets, forgotten, providers }) => {
    const phone = target('apns-voip')
    targets.push(phone)
    providers.apns.unregister(phone.token.value, new Date())
    await run('ring')
    expect(forgotten).toEqual([phone.token.value])
  })

  test('P7 rings while 10,000 pushes of chat wait for answers that do not come', async ({
    push,
    queue,
    messages,
    providers,
    targets,
    call,
  }) => {
    expect(push.internalUrl).toMatch(/^http/)
    await using stack = new AsyncDisposableStack()
    // Every chat push but the first is taken and never answered, so whatever is shared with chat is full.
    const [full, rung] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
    const chatConnections = new Set<number>()
    let chats = 0
    const faults: FaultRule = ({ headers, connection }) => {
      if (headers['apns-push-type'] === 'voip') rung.resolve(connection.number)
      if (headers['apns-push-type'] !== 'alert') return undefined
      chatConnections.add(connection.number)
      chats++
      if (chats === 1_000) full.resolve()
      // APNs lets a connection carry no more than one until the first is answered.
      return connection.memory.has('key') ? { kind: 'hang' } : undefined
    }
    providers.apns.setFaults(faults)
    stack.defer(() => providers.apns.setFaults(undefined))
    const jobs = Array.from({ length: 100 }, (_, i) => {
      const conversationId = `g-burst-${i}-${randomUUID()}`.slice(0, 64) as CallNotice['conversationId']
      const due = Array.from({ length: 100 }, (__, n) => ({
        ...delivery({ conversationId }),
        userId: `user-${i}-${n}` as UserId,
      }))
      messages.asked.set(conversationId, { due, reports: [] })
      const userIds = due.map(({ userId }) => userId)
      return { id: randomUUID(), data: { conversationId, firstSeq: 1, lastSeq: 1, userIds } }
    })
    await queue.add(jobs)
    await full.promise

    const phone = target('apns-voip')
    targets.push(phone)
    const calls = stack.use(openQueue(callPush, push.ctx.queueRedis, log))
    await calls.add([{ id: randomUUID(), data: { action: 'ring', call, userIds: users } }])
    expect(chatConnections).not.toContain(await rung.promise)
    const told = [...messages.asked.values()]
      .flatMap(({ reports }) => reports.flat())
      .filter(({ result, userId }) => result !== 'retry' && userId.startsWith('user-'))
    expect(told).toEqual([])
  })
})
