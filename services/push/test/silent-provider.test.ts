import { randomUUID } from 'node:crypto'
import type { ConversationId, UserId } from '@parley/shared/ids'
import { expect } from 'vitest'
import { delivery, test } from './fixture.ts'

test('P7 a provider that answers nothing does not keep pushes from another, however many wait for it', async ({
  push,
  queue,
  messages,
  providers,
  onTestFinished,
}) => {
  expect(push.internalUrl).toMatch(/^http/)
  const answered = Promise.withResolvers<void>()
  onTestFinished(() => answered.resolve())
  providers.fcm.setFaults(({ path }) =>
    path === '/token' ? undefined : { kind: 'late', until: answered.promise },
  )
  onTestFinished(() => providers.fcm.setFaults(undefined))
  // Eight times as many jobs as are taken on at once, and one more behind them.
  const kinds = [...Array<'fcm'>(256).fill('fcm'), 'apns' as const]
  const jobs = kinds.map((kind) => {
    const conversationId = `g-${randomUUID()}` as ConversationId
    const due = [delivery({ conversationId, kind })]
    messages.asked.set(conversationId, { due, reports: [] })
    return { due, data: { conversationId, firstSeq: 1, lastSeq: 1, userIds: ['ann' as UserId] } }
  })
  await queue.add(jobs.map(({ data }) => ({ id: randomUUID(), data })))
  const token = jobs.at(-1)?.due[0]?.token.value
  const isTold = () => providers.apns.received().some((one) => one.token === token)
  // Each answer of FCM is waited for for ten seconds.
  await expect.poll(isTold).toBe(true)
  const silent = [...messages.asked.values()]
    .flatMap(({ reports }) => reports.flat())
    .filter(({ reason }) => reason === 'silent')
  expect(silent).not.toHaveLength(0)
  expect(silent.filter(({ attempt }) => attempt !== undefined)).toEqual([])
})
