import { startWebPushSimulator } from '@parley/testing/webpush-simulator'
import { describe, expect } from 'vitest'
import { callPush, conversationId, openSet, push, test as base, withdrawalPush } from './provider-fixture.ts'

const test = base.extend('browser', async ({ redis }, { onCleanup }) => {
  const stack = new AsyncDisposableStack()
  onCleanup(() => stack.disposeAsync())
  const simulator = stack.use(await startWebPushSimulator())
  const open = (changes: object = {}) =>
    stack.use(openSet({ ...simulator.credentials, ...changes }, { redis }))
  const subscribe = () => {
    const { endpoint, keys } = simulator.subscribe()
    return { value: endpoint, keys }
  }
  return { simulator, open, subscribe }
})

describe('Web Push', () => {
  test('reaches the browser encrypted for it alone, signed, and named by the push service', async ({
    browser,
  }) => {
    const token = browser.subscribe()
    const verdict = await browser.open().send(push('webpush', token))
    expect(verdict).toMatchObject({
      result: 'accepted',
      providerId: expect.stringMatching(/^\/message\//) as string,
    })
    const [received] = browser.simulator.received()
    expect(received).toMatchObject({
      status: 201,
      token: token.value,
      payload: {
        kind: 'alert',
        title: 'Bob',
        body: 'hello',
        badge: 3,
        conversationId,
        seq: 1,
        audible: true,
      },
      headers: { ttl: '86400', urgency: 'high', topic: expect.stringMatching(/^[\w-]{32}$/) as string },
    })
  })

  test('signs once for each push service, not for each push', async ({ browser, redis }) => {
    await using stack = new AsyncDisposableStack()
    let minted = 0
    const set = stack.use(openSet(browser.simulator.credentials, { redis, minted: () => minted++ }))
    await Promise.all(Array.from({ length: 20 }, () => set.send(push('webpush', browser.subscribe()))))
    expect(browser.simulator.received()).toHaveLength(20)
    expect(minted).toBe(1)
  })

  test('takes a key in the form that tools for VAPID give out', async ({ browser }) => {
    const { generateKeyPairSync } = await import('node:crypto')
    const { d } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const verdict = await browser.open({ privateKey: d }).send(push('webpush', browser.subscribe()))
    // Signed well, with another key than the one the subscription was made with.
    expect(verdict).toEqual({ result: 'refused', reason: 'status-403' })
  })

  test.for([404, 410])('a subscription that is gone is unbound: %i', async (status, { browser }) => {
    const token = browser.subscribe()
    if (status === 410) browser.simulator.unsubscribe(token.value)
    else token.value += '-unknown'
    expect(await browser.open().send(push('webpush', token))).toMatchObject({
      result: 'dropped-token',
      reason: `status-${status}`,
    })
  })

  test('asked to wait by one push service goes on with the others', async ({ browser }) => {
    const patient = browser.subscribe()
    browser.simulator.setFaults(({ path }) =>
      patient.value.endsWith(path)
        ? { kind: 'answer', status: 429, headers: { 'retry-after': '120' } }
        : undefined,
    )
    const set = browser.open()
    expect(await set.send(push('webpush', patient))).toMatchObject({ result: 'retry', afterMs: 120_000 })
    expect(await set.send(push('webpush', browser.subscribe()))).toMatchObject({ result: 'accepted' })
  })

  test.for([
    [500, { result: 'retry', reason: 'status-500' }],
    [413, { result: 'refused', reason: 'status-413' }],
    [400, { result: 'refused', reason: 'status-400' }],
    [301, { result: 'refused', reason: 'status-301' }],
  ] as const)(
    'answered %i is judged by it, and no redirect is followed',
    async ([status, verdict], { browser }) => {
      const headers = { location: `${browser.simulator.url}/elsewhere` }
      browser.simulator.setFaults(() => ({ kind: 'answer', status, headers }))
      expect(await browser.open().send(push('webpush', browser.subscribe()))).toEqual(verdict)
      expect(browser.simulator.requests()).toBe(1)
    },
  )

  test('whose connection is cut may have arrived', async ({ browser }) => {
    browser.simulator.setFaults(() => ({ kind: 'kill' }))
    expect(await browser.open().send(push('webpush', browser.subscribe()))).toEqual({
      result: 'retry',
      reason: 'unknown-disconnected',
      maybeShown: true,
    })
  })

  test('that nobody answers at is tried again later', async ({ browser }) => {
    const { keys } = browser.subscribe()
    const verdict = await browser.open().send(push('webpush', { value: 'https://127.0.0.1:1/push', keys }))
    expect(verdict).toEqual({ result: 'retry', reason: 'unreachable' })
  })

  test('of any length fits what push services take', async ({ browser }) => {
    const long = push('webpush', browser.subscribe())
    long.alert = { ...long.alert, title: '漢'.repeat(5_000), body: '👩🏽‍🚀'.repeat(5_000) }
    expect(await browser.open().send(long)).toMatchObject({ result: 'accepted' })
  })

  test('says nothing in silence, because browsers end the subscriptions of those who do', async ({
    browser,
  }) => {
    const verdict = await browser.open().send(withdrawalPush('webpush', browser.subscribe()))
    expect(verdict).toEqual({ result: 'refused', reason: 'not-silent' })
    expect(browser.simulator.requests()).toBe(0)
  })

  test('P7 of a call is urgent, and kept no longer than it rings', async ({ browser }) => {
    const ringing = callPush('webpush', browser.subscribe())
    expect(await browser.open().send(ringing)).toMatchObject({ result: 'accepted' })
    const [received] = browser.simulator.received()
    expect(received).toMatchObject({
      payload: { kind: 'call', action: 'ring', call: ringing.call },
      headers: { urgency: 'high' },
    })
    expect(Number(received?.headers['ttl'])).toBeLessThanOrEqual(30)
  })
})

describe('an endpoint a client made up', () => {
  test.for([
    ['of this machine', (url: string) => url],
    ['of this machine by name', (url: string) => url.replace('127.0.0.1', 'localhost')],
    ['of the metadata service of a cloud', () => 'https://169.254.169.254/latest/meta-data'],
    ['of a private network', () => 'https://10.0.0.1/push'],
    ['of this machine in IPv6', () => 'https://[::1]/push'],
    ['of this machine in disguise', () => 'https://[::ffff:7f00:1]/push'],
    ['of this machine as a number', () => 'https://2130706433/push'],
  ] as const)('P9 is not connected to: %s', async ([, change], { browser }) => {
    const { value, keys } = browser.subscribe()
    const set = browser.open({ privateNetwork: false })
    const verdict = await set.send(push('webpush', { value: change(value), keys }))
    expect(verdict.result).toBe('refused')
    expect(browser.simulator.requests()).toBe(0)
  })

  test('P9 of a host that is not on the list is not connected to', async ({ browser }) => {
    const set = browser.open({ hosts: ['*.push.apple.com', 'fcm.googleapis.com'] })
    expect(await set.send(push('webpush', browser.subscribe()))).toEqual({
      result: 'refused',
      reason: 'endpoint-not-allowed',
    })
    expect(browser.simulator.requests()).toBe(0)
  })

  test.for([
    ['without TLS', 'http://push.example.com/x', undefined],
    ['that is no address', 'nowhere', undefined],
    ['with a password', 'https://user:secret@push.example.com/x', undefined],
    ['with a key that is not on the curve', undefined, { p256dh: 'B'.repeat(87), auth: 'A'.repeat(22) }],
  ] as const)('%s is unbound', async ([, value, keys], { browser }) => {
    const token = browser.subscribe()
    const verdict = await browser
      .open()
      .send(push('webpush', { value: value ?? token.value, keys: keys ?? token.keys }))
    expect(verdict).toMatchObject({ result: 'dropped-token', reason: 'BadSubscription' })
  })
})
