import { createLogger } from '@parley/shared/log'
import { afterEach, expect, test, vi } from 'vitest'
import type { Http2Result } from '../http2/request.ts'
import type { Push } from './provider.ts'
import { createSender } from './sender.ts'

afterEach(() => void vi.useRealTimers())

test('a push to who is silent is not sent and counts as no try, and goes out once an answer has come', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 })
  const asked: { peer: string; answer: (result: Http2Result) => void }[] = []
  const send = createSender<string>({
    dialect: {
      peerOf: ({ token }) => token.value,
      compose: (push) => push.token.value,
      read: () => ({ result: 'accepted' }),
    },
    transport: {
      send: (peer) => new Promise((answer) => void asked.push({ peer, answer })),
    },
    log: createLogger('test', { level: 'silent' }),
    refused: () => {},
  })
  const to = (value: string) => send({ kind: 'alert', token: { value } } as Push)
  const accepted: Http2Result = { kind: 'answered', status: 200, headers: {}, body: '', connection: 1 }

  const first = to('a')
  await vi.waitUntil(() => asked.length === 1)
  vi.setSystemTime(3_000)
  expect(await to('a')).toEqual({ result: 'retry', reason: 'silent', afterMs: 5_000, untried: true })
  vi.setSystemTime(600_000)
  expect(await to('a')).toMatchObject({ reason: 'silent', afterMs: 60_000 })
  const other = to('b')
  await vi.waitUntil(() => asked.length === 2)
  for (const { answer } of asked) answer(accepted)
  expect(await Promise.all([first, other])).toEqual([{ result: 'accepted' }, { result: 'accepted' }])
  const next = to('a')
  await vi.waitUntil(() => asked.length === 3)
  asked[2]?.answer(accepted)
  expect(await next).toEqual({ result: 'accepted' })
  expect(asked.map(({ peer }) => peer)).toEqual(['a', 'b', 'a'])
})
