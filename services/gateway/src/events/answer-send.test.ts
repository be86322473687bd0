import { AppError } from '@parley/shared/errors'
import { createLogger } from '@parley/shared/log'
import type { Sent } from '@parley/shared/rpc'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createAnswerSend } from './answer-send.ts'
import { createDeadlines } from './deadlines.ts'
import { createRequests } from './requests.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const draft = { clientMessageId: 'c1', to: { userId: 'bob' }, type: 'text', content: { text: 'hi' } }
const sent: Sent = { messageId: 'c.1', conversationId: 'c', seq: 1, sentAt: '2026-11-22T00:00:00.000Z' }

/** A socket whose sends are answered when the test says so. */
async function createSender() {
  const metrics = new Registry()
  const written: string[] = []
  const taken: { call: unknown; resolve: (value: Sent) => void; reject: (cause: unknown) => void }[] = []
  const socket = {
    data: { identity: { userId: 'alice', deviceId: 'phone' }, inFlight: 0, refused: 0 },
    conn: { readyState: 'open', write: (text: string) => void written.push(text) },
  }
  const answerSend = createAnswerSend({
    requests: createRequests({
      log: createLogger('gateway', { level: 'silent' } as never),
      metrics,
      tracing: undefined,
      registry: { take: () => 0 } as never,
    }),
    deadlines: createDeadlines(1_000),
    messages: { take: (call, _trace, waiter) => void taken.push({ call, ...waiter }) },
  })
  const send = (ackId: number, payload: unknown = draft) => answerSend(socket as never, ackId, payload)
  const counted = async () => {
    const { values } = (await metrics.getSingleMetric('parley_gateway_events_total')?.get()) ?? { values: [] }
    return Object.fromEntries(values.map(({ labels, value }) => [labels['outcome'], value]))
  }
  return { socket, written, taken, send, counted }
}
const answers = (written: string[]) =>
  written
    .map((text) => /^3(\d+)\[(.*)\]$/.exec(text))
    .map((it) => [Number(it?.[1]), JSON.parse(it?.[2] ?? '')])

test('a send is answered under the number it asked with, when messages has answered', async () => {
  const { socket, written, taken, send, counted } = await createSender()
  send(7)
  send(12)
  expect(taken.map(({ call }) => call)).toMatchObject([
    { userId: 'alice', deviceId: 'phone', draft },
    { userId: 'alice' },
  ])
  expect([written, socket.data.inFlight]).toEqual([[], 2])
  taken[1]?.reject(new AppError('forbidden', 'no'))
  taken[0]?.resolve(sent)
  expect(answers(written)).toMatchObject([
    [12, { ok: false, error: { code: 'forbidden' } }],
    [7, { ok: true, data: sent }],
  ])
  expect(socket.data.inFlight).toBe(0)
  expect(await counted()).toEqual({ ok: 1, forbidden: 1 })
})

test('what is not right is refused at once, and messages is not asked', async () => {
  const { socket, written, taken, send } = await createSender()
  send(1, { ...draft, senderId: 'eve' })
  send(2, null)
  expect(answers(written)).toMatchObject([
    [1, { ok: false, error: { code: 'invalid_request' } }],
    [2, { ok: false, error: { code: 'invalid_request' } }],
  ])
  expect([taken, socket.data.inFlight]).toEqual([[], 0])
})

test('a send is answered once: what comes after its deadline is not told, nor counted', async () => {
  const { written, taken, send, counted } = await createSender()
  send(1)
  vi.advanceTimersByTime(1_300)
  taken[0]?.resolve(sent)
  expect(answers(written)).toMatchObject([[1, { ok: false, error: { code: 'deadline_exceeded' } }]])
  expect(await counted()).toEqual({ deadline_exceeded: 1 })
  expect(vi.getTimerCount()).toBe(0)
})

test('nothing is written to a connection that is gone', async () => {
  const { socket, written, taken, send } = await createSender()
  send(1)
  socket.conn.readyState = 'closed'
  taken[0]?.resolve(sent)
  expect([written, socket.data.inFlight]).toEqual([[], 0])
})
