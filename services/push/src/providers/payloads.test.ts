import type { CallNotice } from '@parley/shared/call-notice'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import { expect, test } from 'vitest'
import { alertPayload, apnsRequest, maxPayloadBytes } from './apns/apns-request.ts'
import { alertMessage, fcmMessage, maxContentBytes } from './fcm/fcm-message.ts'
import type { AlertPush, WithdrawalPush } from './provider.ts'

const push = (title: string, body: string): AlertPush => ({
  kind: 'alert',
  id: '00000000-0000-8000-8000-000000000000',
  conversationId: 'c'.repeat(64) as ConversationId,
  deviceId: 'd' as DeviceId,
  token: { kind: 'apns', value: 'ab', environment: 'production', updatedAt: new Date(0).toISOString() },
  badge: 12,
  alert: { messageId: 'm'.repeat(96), seq: 7, title, body, sentAt: new Date(0).toISOString(), audible: true },
})

test.for([
  ['Latin text', 'x'],
  ['Chinese text', '漢'],
  ['emoji of several code points', '👩🏽‍🚀'],
  ['text that JSON escapes', '"\u0001'],
] as const)('%s of any length fills a payload and never exceeds it', ([, piece]) => {
  for (const [title, body] of [
    ['Bob', piece.repeat(10_000)],
    [piece.repeat(10_000), 'hi'],
    [piece.repeat(10_000), piece.repeat(10_000)],
  ] as const) {
    const apns = alertPayload(push(title, body))
    expect(Buffer.byteLength(apns)).toBeLessThanOrEqual(maxPayloadBytes)
    expect(JSON.parse(apns)).toMatchObject({ aps: { badge: 12 }, seq: 7 })
    const { message } = JSON.parse(alertMessage(push(title, body)))
    const content = { notification: message.notification, data: message.data }
    expect(Buffer.byteLength(JSON.stringify(content))).toBeLessThanOrEqual(maxContentBytes)
    expect(message.notification.body.isWellFormed()).toBe(true)
  }
  const filled = alertPayload(push('Bob', piece.repeat(10_000)))
  expect(Buffer.byteLength(filled)).toBeGreaterThan(maxPayloadBytes - 20)
})

test('a badge of zero is sent, because only a number clears it', () => {
  expect(JSON.parse(alertPayload({ ...push('Bob', 'hi'), badge: 0 }))).toMatchObject({ aps: { badge: 0 } })
})

test('an alert is kept for a device that is off for a day', () => {
  const now = Date.UTC(2030, 0, 1)
  const { headers } = apnsRequest(push('Bob', 'hi'), { topic: 'a.b', providerToken: 't', now })
  expect(headers['apns-expiration']).toBe(String(Date.UTC(2030, 0, 2) / 1_000))
  expect(Buffer.byteLength(headers['apns-collapse-id'] ?? '')).toBeLessThanOrEqual(64)
})

const conversationId = 'g-1' as ConversationId
const withdrawal = (marks: Partial<Pick<WithdrawalPush, 'read' | 'gone'>>): WithdrawalPush => {
  const { id, deviceId, token, badge } = push('', '')
  return { kind: 'withdrawal', id, deviceId, token, badge, read: [], gone: [], ...marks }
}

test.for<[string, Partial<WithdrawalPush>]>([
  ['what was read', { read: [{ conversationId, seq: 3 }] }],
  ['what is gone', { gone: ['g-1.3'] }],
])('a push that names %s is replaced by no other while a phone sleeps', ([, marks]) => {
  const { headers } = apnsRequest(withdrawal(marks), { topic: 'a.b', providerToken: 't', now: 0 })
  expect(headers).not.toHaveProperty('apns-collapse-id')
  const { message } = JSON.parse(fcmMessage(withdrawal(marks), 'notification'))
  expect(message.android).not.toHaveProperty('collapse_key')
})

test.for(['notification', 'data'] as const)(
  'an alert as %s has no collapse key, of which FCM keeps four',
  (form) => {
    const { message } = JSON.parse(fcmMessage(push('Bob', 'hi'), form))
    expect(message.android).not.toHaveProperty('collapse_key')
  },
)

test.for([
  ['ring', 'alert', '10'],
  ['stop', 'background', '5'],
] as const)('a %s for a phone without a VoIP token is of the type %s', ([action, type, priority]) => {
  const { id, deviceId, token } = push('', '')
  const call: CallNotice = {
    callId: '00000000-0000-4000-8000-000000000000',
    conversationId,
    callerId: 'bob' as UserId,
    callerName: 'Bob',
    media: 'audio',
    startedAt: new Date(0).toISOString(),
    ringUntil: new Date(60_000).toISOString(),
  }
  const asked = { kind: 'call' as const, id, deviceId, token, action, call }
  const { headers } = apnsRequest(asked, { topic: 'a.b', providerToken: 't', now: 0 })
  expect(headers).toMatchObject({ 'apns-push-type': type, 'apns-priority': priority })
})

test('of pushes that only set the badge a sleeping phone gets the last', () => {
  const { headers } = apnsRequest(withdrawal({}), { topic: 'a.b', providerToken: 't', now: 0 })
  expect(headers).toMatchObject({ 'apns-collapse-id': 'withdrawal' })
  const { message } = JSON.parse(fcmMessage(withdrawal({}), 'notification'))
  expect(message.android).toMatchObject({ collapse_key: 'withdrawal' })
})
