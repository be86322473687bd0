import { expect, test } from 'vitest'
import { fcmActionFor, fcmActions, readFcmRefusal } from './errors.ts'

const fcmError = 'type.googleapis.com/google.firebase.fcm.v1.FcmError'
const badRequest = 'type.googleapis.com/google.rpc.BadRequest'

interface Case {
  errorCode?: string
  canonical?: string
  field?: string
  message?: string
}

function body({ errorCode, canonical = 'STATUS', field, message = '' }: Case): string {
  const details = [
    ...(errorCode ? [{ '@type': fcmError, errorCode }] : []),
    ...(field ? [{ '@type': badRequest, fieldViolations: [{ field, description: 'wrong' }] }] : []),
  ]
  return JSON.stringify({ error: { code: 0, status: canonical, message, details } })
}

test.for<[string, number, string, string]>([
  ['a token that is gone', 404, body({ errorCode: 'UNREGISTERED' }), 'drop'],
  ['404 without a code of FCM: a wrong project', 404, body({ canonical: 'NOT_FOUND' }), 'stop all'],
  ['a token of another project', 403, body({ errorCode: 'SENDER_ID_MISMATCH' }), 'drop'],
  ['403 without a code of FCM: a missing role', 403, body({ canonical: 'PERMISSION_DENIED' }), 'stop all'],
  [
    'a token of no such form, by field',
    400,
    body({ errorCode: 'INVALID_ARGUMENT', field: 'message.token' }),
    'drop',
  ],
  [
    'a token of no such form, by text',
    400,
    body({ message: 'The registration token is not a valid FCM registration token' }),
    'drop',
  ],
  [
    'our mistake in another field',
    400,
    body({ errorCode: 'INVALID_ARGUMENT', field: 'message.data' }),
    'stop',
  ],
  ['credentials missing at Firebase', 401, body({ errorCode: 'THIRD_PARTY_AUTH_ERROR' }), 'stop'],
  ['an access token that has ended', 401, body({ canonical: 'UNAUTHENTICATED' }), 'renew'],
  ['too much', 429, body({ errorCode: 'QUOTA_EXCEEDED' }), 'retry all'],
  ['too much, says a front end', 429, '<html>', 'retry all'],
  ['away', 503, body({ errorCode: 'UNAVAILABLE' }), 'retry'],
  ['broken', 500, body({ errorCode: 'INTERNAL' }), 'retry'],
  ['HTML from a front end', 502, '<html><title>502</title></html>', 'retry'],
  ['a code nobody knows yet', 400, body({ errorCode: 'NEW_ONE' }), 'stop'],
  ['a code nobody knows yet, of the server', 500, body({ errorCode: 'constructor' }), 'retry'],
])('%s', ([, status, text, expected]) => {
  const action = fcmActionFor(status, readFcmRefusal(status, text))
  const all = 'pause' in action && action.pause ? ' all' : ''
  expect(action.class + all).toBe(expected)
})

test('every code of the table has an action for its own code only', () => {
  for (const reason of Object.keys(fcmActions)) {
    const own = { reason, own: true, aboutToken: false }
    expect(fcmActionFor(400, own)).toEqual(fcmActions[reason])
    expect(fcmActionFor(400, { ...own, own: false })).toEqual({ class: 'stop' })
  }
})
