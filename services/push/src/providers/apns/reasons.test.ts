import { expect, test } from 'vitest'
import { apnsActionFor, apnsActions } from './reasons.ts'
import { readRefusal } from './refusal.ts'

const table = [
  [400, 'BadDeviceToken', 'drop'],
  [400, 'DeviceTokenNotForTopic', 'drop'],
  [410, 'Unregistered', 'drop'],
  [410, 'ExpiredToken', 'drop'],
  [400, 'BadCollapseId', 'stop'],
  [400, 'BadExpirationDate', 'stop'],
  [400, 'BadMessageId', 'stop'],
  [400, 'BadPriority', 'stop'],
  [400, 'BadTopic', 'stop'],
  [400, 'DuplicateHeaders', 'stop'],
  [400, 'InvalidPushType', 'stop'],
  [400, 'MissingDeviceToken', 'stop'],
  [400, 'MissingTopic', 'stop'],
  [400, 'PayloadEmpty', 'stop'],
  [400, 'TopicDisallowed', 'stop'],
  [413, 'PayloadTooLarge', 'stop'],
  [404, 'BadPath', 'stop'],
  [405, 'MethodNotAllowed', 'stop'],
  [403, 'BadCertificate', 'stop all'],
  [403, 'BadCertificateEnvironment', 'stop all'],
  [403, 'BadEnvironmentKeyIdInToken', 'stop all'],
  [403, 'BadEnvironmentKeyInToken', 'stop all'],
  [403, 'Forbidden', 'stop all'],
  [403, 'InvalidProviderToken', 'stop all'],
  [403, 'MissingProviderToken', 'stop all'],
  [403, 'ExpiredProviderToken', 'renew'],
  [403, 'UnrelatedKeyIdInToken', 'renew'],
  [400, 'IdleTimeout', 'renew'],
  [429, 'TooManyRequests', 'retry'],
  [429, 'TooManyProviderTokenUpdates', 'retry all'],
  [500, 'InternalServerError', 'retry'],
  [503, 'ServiceUnavailable', 'retry'],
  [503, 'Shutdown', 'retry'],
] as const

test.for(table)('%i %s: %s', ([status, reason, expected]) => {
  const action = apnsActionFor(status, reason)
  const all = 'pause' in action && action.pause ? ' all' : ''
  expect(action.class + all).toBe(expected)
})

test('every reason of the table is tried', () => {
  expect(table.map(([, reason]) => reason).toSorted()).toEqual(Object.keys(apnsActions).toSorted())
})

test.for([
  [400, 'stop'],
  [403, 'stop'],
  [410, 'drop'],
  [429, 'retry'],
  [500, 'retry'],
  [599, 'retry'],
] as const)('a reason nobody knows yet is judged by its status: %i, %s', ([status, expected]) => {
  expect(apnsActionFor(status, 'SomethingNew').class).toBe(expected)
  expect(apnsActionFor(status, 'constructor').class).toBe(expected)
})

test.for([
  [
    '{"reason":"Unregistered","timestamp":1700000000000}',
    { reason: 'Unregistered', timestamp: 1_700_000_000_000 },
  ],
  ['{"reason":"Unregistered","timestamp":"soon"}', { reason: 'Unregistered' }],
  ['{"reason":"Unregistered","timestamp":1e300}', { reason: 'Unregistered' }],
  ['{"reason":7}', { reason: 'status-410' }],
  ['<html>', { reason: 'status-410' }],
  ['', { reason: 'status-410' }],
] as const)('reads a refusal of any form: %s', ([body, expected]) => {
  expect(readRefusal({ status: 410, body })).toEqual(expected)
})
