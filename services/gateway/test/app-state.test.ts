import { findConnected } from '@parley/shared/presence'
import type { Redis } from 'ioredis'
import { describe, expect, vi } from 'vitest'
import { connectClient, refusedWith, test } from './fixture.ts'

const stateOf = async (redis: Redis, userId: string) =>
  (await findConnected(redis, [userId as never])).get(userId as never)

describe('what the app is at', () => {
  test('A2.3 push learns whether the app is in front on any device, on whatever node', async ({
    a,
    b,
    issuer,
    redis,
  }) => {
    await using phone = await connectClient(a.url, issuer, { userId: 'fay' })
    await vi.waitUntil(async () => (await stateOf(redis, 'fay')) === 'foreground')
    await using tablet = await connectClient(b.url, issuer, { userId: 'fay', appState: 'background' })
    expect(await phone.ask('app:state', { state: 'background' })).toMatchObject({ ok: true })
    await vi.waitUntil(async () => (await stateOf(redis, 'fay')) === 'background')
    expect(await tablet.ask('app:state', { state: 'foreground' })).toMatchObject({ ok: true })
    await vi.waitUntil(async () => (await stateOf(redis, 'fay')) === 'foreground')
    await tablet[Symbol.asyncDispose]()
    await vi.waitUntil(async () => (await stateOf(redis, 'fay')) === 'background')
  })

  test('P10 a state that does not exist is refused with a code, at the handshake and later', async ({
    a,
    issuer,
  }) => {
    const token = await issuer.sign({ userId: 'asleep' })
    expect((await refusedWith(a.url, { token, appState: 'asleep' })).data?.code).toBe('invalid_request')
    await using phone = await connectClient(a.url, issuer)
    expect(await phone.ask('app:state', { state: 'asleep' })).toMatchObject({
      ok: false,
      error: { code: 'invalid_request' },
    })
  })

  test.for([
    [
      'in front with that conversation on screen',
      { state: 'foreground', activeConversationId: 'c1' },
      'read',
    ],
    ['in front with another on screen', { state: 'foreground', activeConversationId: 'c2' }, 'delivered'],
    ['in front with a list on screen', { state: 'foreground' }, 'delivered'],
    ['behind another app', { state: 'background', activeConversationId: 'c1' }, 'delivered'],
  ] as const)(
    'A7.10 what arrives at a device that is %s moves the right mark',
    async ([, state, kind], { a, issuer, messages }) => {
      await using phone = await connectClient(a.url, issuer)
      await phone.ask('app:state', state)
      expect(await phone.ask('receipt:deliver', { conversationId: 'c1', seq: 7 })).toMatchObject({ ok: true })
      expect(messages.seen.marks.filter(({ userId }) => userId === phone.userId)).toEqual([
        { userId: phone.userId, conversationId: 'c1', kind, seq: 7 },
      ])
    },
  )

  test('A7.10 what only the device in the background has does not count as read', async ({
    a,
    issuer,
    messages,
  }) => {
    await using phone = await connectClient(a.url, issuer, { userId: 'two-devices' })
    await using tablet = await connectClient(a.url, issuer, { userId: 'two-devices', appState: 'background' })
    await phone.ask('app:state', { state: 'foreground', activeConversationId: 'c1' })
    await Promise.all([
      phone.ask('receipt:deliver', { conversationId: 'c1', seq: 5 }),
      tablet.ask('receipt:deliver', { conversationId: 'c1', seq: 7 }),
    ])
    const marks = messages.seen.marks.filter(({ userId }) => userId === 'two-devices')
    expect(marks.map(({ kind, seq }) => `${kind} ${seq}`).toSorted()).toEqual(['delivered 7', 'read 5'])
  })
})
