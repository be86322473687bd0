import type { ReceivedPush } from '@parley/testing/push-simulator-log'
import { expect, test } from 'vitest'
import { judgePushes } from './judges.ts'
import { Verdicts } from './verdicts.ts'

let pushes = 0

function push(payload: object, id = `id-${++pushes}`): ReceivedPush {
  return {
    provider: 'apns',
    at: '2026-01-01T00:00:00.000Z',
    token: 'token',
    status: 200,
    answered: true,
    headers: { 'apns-id': id },
    payload,
    connection: 1,
  }
}

const withdrawal = () => push({ aps: { badge: 0 }, read: [] })

test.for([
  ['one alert of each', [push({ seq: 1 }), push({ seq: 2 })], [], 0],
  ['the same alert again', [push({ seq: 1 }, 'a'), push({ seq: 1 }, 'a'), push({ seq: 2 })], [], 0],
  [
    'withdrawals as often as they come',
    [push({ seq: 1 }), push({ seq: 2 }), withdrawal(), withdrawal()],
    [withdrawal()],
    0,
  ],
  ['a second alert of one', [push({ seq: 1 }), push({ seq: 1 }), push({ seq: 2 })], [], 1],
  ['none of one', [push({ seq: 1 })], [], 1],
  ['an alert to the sender', [push({ seq: 1 }), push({ seq: 2 })], [push({ seq: 1 })], 1],
] as const)('P6 %s', async ([_what, toBo, toAda, failed]) => {
  const verdicts = new Verdicts()
  await judgePushes(verdicts, { toBo: [...toBo], toAda: [...toAda], pushedFor: [1, 2] })
  expect(verdicts.failed).toBe(failed)
})
