import { randomUUID } from 'node:crypto'
import { createApnsCredentials, startApnsSimulator } from '@parley/testing/apns-simulator'
import { createCertificate } from '@parley/testing/certificates'
import { startFcmSimulator } from '@parley/testing/fcm-simulator'
import type { FaultRule, SimulatedAnswer } from '@parley/testing/http2-simulator'
import { describe, expect } from 'vitest'
import { callPush, openSet, push, test as base } from './provider-fixture.ts'

const topic = 'dev.parley.app'

const test = base
  .extend('apns', async ({ redis }, { onCleanup }) => {
    const stack = new AsyncDisposableStack()
    onCleanup(() => stack.disposeAsync())
    // A key id of its own, as the token is shared by key through Redis.
    const keyId = randomUUID().slice(0, 10)
    const certificate = await createCertificate()
    const made = createApnsCredentials()
    const credentials = { ...made, keyId }
    const simulator = stack.use(await startApnsSimulator({ certificate, credentials, topics: [topic] }))
    const minted: string[] = []
    const { teamId, privateKey } = made
    const set = { provider: 'apns', teamId, keyId, privateKey, topic, url: simulator.url, ca: simulator.ca }
    const worker = () => stack.use(openSet(set, { redis, minted: () => minted.push('one') }))
    return { simulator, minted, worker, certificate }
  })
  .extend('fcm', async ({ redis }, { onCleanup }) => {
    const stack = new AsyncDisposableStack()
    onCleanup(() => stack.disposeAsync())
    const simulator = stack.use(await startFcmSimulator({ projectId: `p-${randomUUID()}` }))
    const { serviceAccount, url, ca } = simulator
    const worker = () => stack.use(openSet({ provider: 'fcm', serviceAccount, url, ca }, { redis }))
    return { simulator, worker }
  })

const answer = (status: number, reason: string): { kind: 'answer' } & SimulatedAnswer => ({
  kind: 'answer',
  status,
  body: JSON.stringify({ reason }),
})

describe('APNs', () => {
  test('gets one provider token from all workers', async ({ apns }) => {
    const workers = [apns.worker(), apns.worker()]
    const verdicts = await Promise.all(
      workers.flatMap((worker) => Array.from({ length: 10 }, () => worker.send(push('apns')))),
    )
    expect(verdicts).toMatchObject(Array(20).fill({ result: 'accepted' }))
    expect(apns.minted).toHaveLength(1)
  })

  test('that calls the token expired gets a new one, once, on a new connection', async ({ apns }) => {
    const faults: FaultRule = ({ connection }) =>
      connection.number === 1 ? answer(403, 'ExpiredProviderToken') : undefined
    apns.simulator.setFaults(faults)
    const worker = apns.worker()
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => worker.send(push('apns'))))
    expect(verdicts).toMatchObject(Array(20).fill({ result: 'accepted' }))
    expect(apns.minted).toHaveLength(2)
    expect(apns.simulator.received().every(({ connection }) => connection > 1)).toBe(true)
  })

  test('that calls the new token expired too is left alone for a while', async ({ apns }) => {
    apns.simulator.setFaults(() => answer(403, 'ExpiredProviderToken'))
    const worker = apns.worker()
    expect(await worker.send(push('apns'))).toEqual({
      result: 'refused',
      reason: 'ExpiredProviderToken',
    })
    const requests = apns.simulator.requests()
    expect(await worker.send(push('apns'))).toMatchObject({ result: 'retry', reason: 'paused' })
    expect(apns.simulator.requests()).toBe(requests)
    expect(apns.minted).toHaveLength(2)
  })

  test('that refuses the credentials is left alone for a while', async ({ redis, apns }) => {
    await using stack = new AsyncDisposableStack()
    let refused = 0
    const { teamId, privateKey } = apns.simulator.credentials
    const { url, ca } = apns.simulator
    const foreign = { provider: 'apns', teamId, keyId: randomUUID(), privateKey, topic, url, ca }
    const worker = stack.use(openSet(foreign, { redis, refused: () => refused++ }))
    expect(await worker.send(push('apns'))).toEqual({
      result: 'refused',
      reason: 'InvalidProviderToken',
    })
    expect(await worker.send(push('apns'))).toMatchObject({ result: 'retry', reason: 'paused' })
    expect(refused).toBe(1)
  })

  test('that refuses one topic still gets the pushes of others', async ({ apns }) => {
    const worker = apns.worker()
    const foreign = await worker.send(push('apns', { topic: 'com.other.app' }))
    expect(foreign).toEqual({ result: 'refused', reason: 'TopicDisallowed' })
    expect(await worker.send(push('apns'))).toMatchObject({ result: 'accepted' })
  })

  test('P7 that does not answer a connection gets no call that has waited for long', async ({ redis }) => {
    await using stack = new AsyncDisposableStack()
    const slow = stack.use(await startApnsSimulator({ settingsDelayMs: 60_000 }))
    const { credentials, url, ca } = slow
    const set = { provider: 'apns', ...credentials, keyId: randomUUID(), topic, url, ca }
    const worker = stack.use(openSet(set, { redis, pendingTimeoutMs: 20 }))
    expect(await worker.send(callPush('apns-voip'))).toEqual({ result: 'retry', reason: 'deadline' })
    expect(slow.requests()).toBe(0)
  })

  test('that shuts a connection down is reached by another', async ({ apns }) => {
    apns.simulator.setFaults(({ number }) => (number === 1 ? answer(503, 'Shutdown') : undefined))
    const worker = apns.worker()
    expect(await worker.send(push('apns'))).toEqual({ result: 'retry', reason: 'Shutdown' })
    expect(await worker.send(push('apns'))).toMatchObject({ result: 'accepted' })
    expect(apns.simulator.received()).toMatchObject([{ connection: 2 }])
  })

  test('never sees a token or topic that could not be one', async ({ apns }) => {
    const worker = apns.worker()
    const inPath = await worker.send(push('apns', { value: '../../admin' }))
    expect(inPath).toMatchObject({ result: 'dropped-token', reason: 'BadDeviceToken' })
    const inHeader = await worker.send(push('apns', { topic: 'a\r\nb: c' }))
    expect(inHeader).toEqual({ result: 'refused', reason: 'BadTopic' })
    expect(apns.simulator.requests()).toBe(0)
  })
})

describe('FCM', () => {
  test('gets one access token from all workers', async ({ fcm }) => {
    const workers = [fcm.worker(), fcm.worker()]
    const verdicts = await Promise.all(
      workers.flatMap((worker) => Array.from({ length: 10 }, () => worker.send(push('fcm')))),
    )
    expect(verdicts).toMatchObject(Array(20).fill({ result: 'accepted' }))
    expect(fcm.simulator.accessTokens()).toBe(1)
  })

  test('that no longer knows the access token gets a new one, once', async ({ fcm }) => {
    const worker = fcm.worker()
    await worker.send(push('fcm'))
    fcm.simulator.revokeAccessTokens()
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => worker.send(push('fcm'))))
    expect(verdicts).toMatchObject(Array(20).fill({ result: 'accepted' }))
    expect(fcm.simulator.accessTokens()).toBe(2)
  })

  test('over quota is left alone for as long as it says, by every push', async ({ fcm }) => {
    fcm.simulator.setFaults(({ path }) =>
      path === '/token' ? undefined : { ...answer(429, ''), headers: { 'retry-after': '40' } },
    )
    const worker = fcm.worker()
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'retry', afterMs: 40_000 })
    const requests = fcm.simulator.requests()
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'retry', reason: 'paused' })
    expect(fcm.simulator.requests()).toBe(requests)
  })

  test('that answers with a page of HTML is tried again later', async ({ fcm }) => {
    fcm.simulator.setFaults(({ path }) =>
      path === '/token' ? undefined : { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' },
    )
    expect(await fcm.worker().send(push('fcm'))).toEqual({ result: 'retry', reason: 'status-502' })
  })

  test('drops a token that has no such form, and no other for it', async ({ fcm }) => {
    const worker = fcm.worker()
    expect(await worker.send(push('fcm', { value: 'not a token' }))).toMatchObject({
      result: 'dropped-token',
      reason: 'INVALID_ARGUMENT',
    })
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'accepted' })
  })

  test('that gives no access token is left alone for a while, and the push is tried again', async ({
    fcm,
  }) => {
    fcm.simulator.setFaults(({ path }) => (path === '/token' ? answer(500, '') : undefined))
    const worker = fcm.worker()
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'retry', reason: 'unavailable' })
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'retry', reason: 'paused' })
  })

  test('reaches an installation by its id as well as by a registration token', async ({ fcm }) => {
    const fid = randomUUID().replaceAll('-', '').slice(0, 22)
    expect(await fcm.worker().send(push('fcm', { kind: 'fcm-fid', value: fid }))).toMatchObject({
      result: 'accepted',
    })
    expect(fcm.simulator.received()).toMatchObject([{ token: fid, payload: { message: { fid } } }])
    fcm.simulator.unregister(fid)
    expect(await fcm.worker().send(push('fcm', { kind: 'fcm-fid', value: fid }))).toMatchObject({
      result: 'dropped-token',
      reason: 'UNREGISTERED',
    })
  })

  test('is sent data alone where the app makes its notifications itself', async ({ fcm, redis }) => {
    await using stack = new AsyncDisposableStack()
    const { serviceAccount, url, ca } = fcm.simulator
    const worker = stack.use(openSet({ provider: 'fcm', serviceAccount, url, ca, alerts: 'data' }, { redis }))
    expect(await worker.send(push('fcm'))).toMatchObject({ result: 'accepted' })
    const { payload } = fcm.simulator.received().at(-1) ?? {}
    expect(payload).toMatchObject({
      message: { data: { title: 'Bob', body: 'hello' }, android: { priority: 'HIGH' } },
    })
    expect(payload).not.toHaveProperty('message.notification')
    expect(payload).not.toHaveProperty('message.android.notification')
  })
})
