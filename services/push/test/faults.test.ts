import { randomUUID } from 'node:crypto'
import type { Delivery, PushOutcome } from '@parley/shared/delivery'
import { type ConversationId, type UserId, uuidFrom } from '@parley/shared/ids'
import {
  type ApnsSimulatorOptions,
  createApnsCredentials,
  startApnsSimulator,
} from '@parley/testing/apns-simulator'
import { startFcmSimulator } from '@parley/testing/fcm-simulator'
import type { FaultRule, Http2Fault } from '@parley/testing/http2-simulator'
import type { ReceivedPush } from '@parley/testing/push-simulator-log'
import { describe, expect, vi } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { startPush } from '../src/service.ts'
import { delivery, test as base } from './fixture.ts'

const sends = 2_000
const usersPerJob = 100
const longMs = 60_000

type Kind = 'apns' | 'fcm'
type Options = Pick<ApnsSimulatorOptions, 'faults' | 'settingsDelayMs' | 'maxStreams'>

/** The messages service's side: who is due in each conversation, and the last word about each. */
const test = base.extend('pushAll', async ({ env, messages, queue }, { onCleanup }) => {
  const opened = new AsyncDisposableStack()
  onCleanup(() => opened.disposeAsync())

  /** Through a push service of its own and a provider that misbehaves so, until nothing is open any more. */
  return async (kind: Kind, options: Options, due: Delivery[] = devices(kind, sends)) => {
    let faulty = 0
    const faults: FaultRule = (request) => {
      const fault = options.faults?.(request)
      if (fault) faulty++
      return fault
    }
    const provider = await startProvider(kind, { ...options, faults })
    opened.use(provider)
    opened.use(await startPush(loadConfig({ ...env, ...provider.env })))
    const conversations = [...Map.groupBy(due, conversationOf)].map(([id, some]) => {
      const asked = { due: some, reports: [] as PushOutcome[][] }
      messages.asked.set(id, asked)
      return { id, asked }
    })
    await queue.add(
      conversations.map(({ id, asked }) => ({
        id: randomUUID(),
        data: {
          conversationId: id,
          firstSeq: 1,
          lastSeq: 1,
          userIds: asked.due.map(({ userId }) => userId),
        },
      })),
    )
    const last = () =>
      new Map(
        conversations.flatMap(({ asked }) => asked.reports.flat().map((one) => [one.deviceId, one.result])),
      )
    await vi.waitUntil(
      () => {
        const results = last()
        return results.size === due.length && results.values().every((result) => result !== 'retry')
      },
      { timeout: longMs, interval: 100 },
    )
    // A machine that is busy enough leaves some without an answer in time whatever the fault; these may be repeated.
    const unanswered = new Set(
      conversations.flatMap(({ asked }) =>
        asked.reports
          .flat()
          .flatMap(({ deviceId, reason }) => (reason?.startsWith('unknown') ? [deviceId] : [])),
      ),
    )
    return { due, faulty, unanswered, results: [...last().values()], received: provider.received() }
  }
})

async function startProvider(kind: Kind, options: Options) {
  const keep = sends * 20
  if (kind === 'fcm') {
    const fcm = await startFcmSimulator({ ...options, keep, projectId: `p-${randomUUID()}` })
    const env = { FCM_URL: fcm.url, FCM_CA: fcm.ca, FCM_SERVICE_ACCOUNT: JSON.stringify(fcm.serviceAccount) }
    return { ...fcm, env }
  }
  // A key id of its own, as the token is shared by key through Redis.
  const credentials = { ...createApnsCredentials(), keyId: randomUUID().slice(0, 10) }
  const apns = await startApnsSimulator({ ...options, keep, credentials })
  const env = {
    APNS_PRODUCTION_URL: apns.url,
    APNS_CA: apns.ca,
    APNS_KEY_ID: credentials.keyId,
    APNS_PRIVATE_KEY: credentials.privateKey,
  }
  return { ...apns, env }
}

/** Devices of as many users, of whom a hundred share a conversation and so a job. */
function devices(kind: Kind, count: number): Delivery[] {
  let conversationId = ''
  return Array.from({ length: count }, (_, i) => {
    if (i % usersPerJob === 0) conversationId = `g-${randomUUID()}`
    const one = delivery({ conversationId: conversationId as ConversationId, kind })
    return { ...one, userId: `user-${i}` as UserId }
  })
}

const conversationOf = ({ alerts }: Delivery) =>
  (alerts[0]?.messageId ?? '').replace(/\.\d+$/, '') as ConversationId

const idOf = ({ headers, payload }: ReceivedPush) =>
  headers['apns-id'] ??
  (payload as { message: { android: { notification: { tag: string } } } }).message.android.notification.tag

const answer = (status: number, reason: string, headers: Record<string, string> = {}): Http2Fault => ({
  kind: 'answer',
  status,
  body: JSON.stringify({ reason, error: { code: status, status: reason } }),
  headers,
})

/** Now and then among the first requests; what is tried again later finds a healthy provider. */
const often =
  (fault: Http2Fault, every = 16): FaultRule =>
  ({ number, path }) =>
    path !== '/token' && number % every === 0 && number <= sends ? fault : undefined

/** Once on each of the first five connections, in the middle of what they carry. */
const onceEach =
  (fault: Http2Fault): FaultRule =>
  ({ numberOnConnection, connection }) =>
    numberOnConnection === 150 && connection.number <= 5 ? fault : undefined

/** All that the first connection to carry much carries from then on. */
function expireOnce(): FaultRule {
  let expired: number | undefined
  return ({ connection, numberOnConnection }) => {
    if (numberOnConnection <= 150) return
    expired ??= connection.number
    return connection.number === expired ? answer(403, 'ExpiredProviderToken') : undefined
  }
}

const unprocessed: [string, Options, Kind[]][] = [
  [
    'GOAWAY that keeps its promise',
    { faults: onceEach({ kind: 'goaway', lastStream: 'this' }) },
    ['apns', 'fcm'],
  ],
  [
    'GOAWAY with an error',
    { faults: onceEach({ kind: 'goaway', lastStream: 'this', code: 2 }) },
    ['apns', 'fcm'],
  ],
  [
    'GOAWAY that disowns streams under way',
    { faults: onceEach({ kind: 'goaway', lastStream: 'previous' }) },
    ['apns', 'fcm'],
  ],
  ['REFUSED_STREAM', { faults: often({ kind: 'refuse' }) }, ['apns', 'fcm']],
  [
    '429 with Retry-After',
    { faults: often(answer(429, 'TooManyRequests', { 'retry-after': '1' })) },
    ['apns'],
  ],
  [
    '429 with Retry-After',
    { faults: often(answer(429, 'RESOURCE_EXHAUSTED', { 'retry-after': '1' }), 500) },
    ['fcm'],
  ],
  ['500', { faults: often(answer(500, 'InternalServerError')) }, ['apns', 'fcm']],
  ['503', { faults: often(answer(503, 'ServiceUnavailable')) }, ['apns', 'fcm']],
  ['403 for a token that has expired', { faults: expireOnce() }, ['apns']],
  ['one stream at a time', { maxStreams: 1 }, ['apns']],
  ['SETTINGS that come late', { settingsDelayMs: 1_000 }, ['apns', 'fcm']],
]

const unknown: [string, Options, Kind[]][] = [
  ['a stream reset', { faults: often({ kind: 'reset' }) }, ['apns', 'fcm']],
  ['a connection cut', { faults: onceEach({ kind: 'kill' }) }, ['apns', 'fcm']],
  ['no answer', { faults: often({ kind: 'hang' }, 100) }, ['apns', 'fcm']],
]

const cases = (list: [string, Options, Kind[]][]) =>
  list.flatMap(([name, options, kinds]) => kinds.map((kind) => [kind, name, options] as const))

describe(`P6 ${sends} pushes through a faulty provider`, () => {
  test.for(cases(unprocessed))(
    '%s, %s: each is taken once, none is lost',
    { timeout: longMs },
    async ([kind, , options], { pushAll }) => {
      const { due, faulty, unanswered, results, received } = await pushAll(kind, options)
      expect(faulty > 0).toBe(options.faults !== undefined)
      expect(new Set(results)).toEqual(new Set(['accepted']))
      const taken = Map.groupBy(
        received.filter(({ status }) => status === 200),
        ({ token }) => token,
      )
      expect(taken.size).toBe(due.length)
      const repeated = due.filter(({ deviceId, token }) => {
        return taken.get(token.value)?.length !== 1 && !unanswered.has(deviceId)
      })
      expect(repeated).toEqual([])
    },
  )

  test.for(cases(unknown))(
    '%s, %s: none is lost, and what is sent again has the same ids',
    { timeout: longMs },
    async ([kind, , options], { pushAll }) => {
      const { due, results, received } = await pushAll(kind, options)
      expect(new Set(results)).toEqual(new Set(['accepted']))
      const byToken = Map.groupBy(received, ({ token }) => token)
      expect(byToken.size).toBe(due.length)
      const repeated = [...byToken.values()].filter((list) => list.length > 1)
      expect(repeated.length).toBeGreaterThan(0)
      for (const { userId, deviceId, token, alerts } of due) {
        const messageId = alerts[0]?.messageId ?? ''
        const ids = new Set(byToken.get(token.value)?.map(idOf))
        expect(ids).toEqual(new Set([kind === 'apns' ? uuidFrom(messageId, userId, deviceId) : messageId]))
      }
    },
  )
})

test('P6 each device waits as long as its own answer asked, and no other waits with it', async ({
  pushAll,
}) => {
  const due = devices('apns', 3)
  const [patient, failed] = due.map(({ token }) => token.value)
  const seen = new Set<string>()
  const faults: FaultRule = ({ path }) => {
    const token = path.split('/').at(-1) ?? ''
    if (seen.has(token)) return undefined
    seen.add(token)
    if (token === patient) return answer(429, 'TooManyRequests', { 'retry-after': '4' })
    return token === failed ? answer(500, 'InternalServerError') : undefined
  }
  const startedAt = Date.now()
  const { received } = await pushAll('apns', { faults }, due)
  expect(received.map(({ token }) => token)).toEqual([due[2]?.token.value, failed, patient])
  const waitedMs = received.map(({ at }) => Date.parse(at) - startedAt)
  expect(waitedMs[2]).toBeGreaterThan(3_900)
})
