import { randomUUID } from 'node:crypto'
import type { Withdrawal, WithdrawalOutcome } from '@parley/shared/delivery'
import type { ConversationId, UserId } from '@parley/shared/ids'
import { RetryLater } from '@parley/shared/jobs'
import type { FaultRule } from '@parley/testing/http2-simulator'
import { describe, expect } from 'vitest'
import { notify } from '../src/notify/notify.ts'
import { withdraw } from '../src/notify/withdraw.ts'
import { delivery, jobInHand, test } from './fixture.ts'

const toDevices =
  (fault: ReturnType<FaultRule>): FaultRule =>
  ({ path }) =>
    path === '/token' ? undefined : fault

describe('a provider that answers slowly', () => {
  test('P7 does not keep pushes from another, however many wait for it', async ({
    push,
    queue,
    messages,
    providers,
    onTestFinished,
  }) => {
    expect(push.internalUrl).toMatch(/^http/)
    const answered = Promise.withResolvers<void>()
    onTestFinished(() => answered.resolve())
    providers.fcm.setFaults(toDevices({ kind: 'late', until: answered.promise }))
    onTestFinished(() => providers.fcm.setFaults(undefined))
    // Twice as many jobs as are taken on at once, and one more behind them.
    const kinds = [...Array<'fcm'>(64).fill('fcm'), 'apns' as const]
    const jobs = kinds.map((kind) => {
      const conversationId = `g-${randomUUID()}` as ConversationId
      const due = [delivery({ conversationId, kind })]
      messages.asked.set(conversationId, { due, reports: [] })
      return { due, data: { conversationId, firstSeq: 1, lastSeq: 1, userIds: ['ann' as UserId] } }
    })
    await queue.add(jobs.map(({ data }) => ({ id: randomUUID(), data })))
    const token = jobs.at(-1)?.due[0]?.token.value
    const isTold = () => providers.apns.received().some((one) => one.token === token)
    // An answer of FCM is waited for longer than that.
    await expect.poll(isTold, { timeout: 8_000 }).toBe(true)
  })

  test('is heard in the end: what it took is not sent again', async ({
    push,
    conversation,
    providers,
    onTestFinished,
  }) => {
    const answered = Promise.withResolvers<void>()
    providers.fcm.setFaults(toDevices({ kind: 'late', until: answered.promise }))
    onTestFinished(() => providers.fcm.setFaults(undefined))
    const one = delivery({ conversationId: conversation.id, kind: 'fcm' })
    conversation.asked.due = [one]
    const run = (attempt: number) =>
      notify(push.ctx, conversation.job, jobInHand(`slow-${conversation.id}`, { attempt }))
    await expect(run(1)).rejects.toThrow(RetryLater)
    answered.resolve()
    await push.ctx.late[Symbol.asyncDispose]()
    await run(2)
    expect(conversation.outcomes()).toMatchObject([
      { result: 'retry', reason: 'slow', attempt: { audible: true } },
      { result: 'accepted' },
    ])
    expect(providers.fcm.received().filter(({ token }) => token === one.token.value)).toHaveLength(1)
  })

  test('P6 that refuses in the end has not sounded, and the next try does', async ({
    push,
    conversation,
    providers,
    onTestFinished,
  }) => {
    const answered = Promise.withResolvers<void>()
    const token = `unknown-${randomUUID()}`
    providers.fcm.setFaults(toDevices({ kind: 'late', until: answered.promise }))
    onTestFinished(() => providers.fcm.setFaults(undefined))
    providers.fcm.unregister(token)
    const [dead, alive] = [
      delivery({ conversationId: conversation.id, kind: 'fcm', token }),
      delivery({ conversationId: conversation.id, kind: 'fcm' }),
    ]
    conversation.asked.due = [dead]
    const run = (attempt: number) =>
      notify(push.ctx, conversation.job, jobInHand(`refused-${conversation.id}`, { attempt }))
    await expect(run(1)).rejects.toThrow(RetryLater)
    answered.resolve()
    await push.ctx.late[Symbol.asyncDispose]()
    conversation.asked.due = [
      { ...dead, again: true },
      { ...alive, again: true },
    ]
    // It may still be thought slow.
    await Promise.allSettled([run(2)])
    expect(conversation.outcomes().at(-1)).toMatchObject({
      deviceId: alive.deviceId,
      attempt: { audible: true },
    })
  })

  test('has what it was told to take down reported with the rest of its user, once it has answered', async ({
    push,
    messages,
    providers,
    onTestFinished,
  }) => {
    const answered = Promise.withResolvers<void>()
    providers.fcm.setFaults(toDevices({ kind: 'late', until: answered.promise }))
    onTestFinished(() => providers.fcm.setFaults(undefined))
    const conversationId = 'g-1' as ConversationId
    const withdrawals = (['apns', 'fcm'] as const).map((kind): Withdrawal => {
      const { alerts: _, ...target } = delivery({ conversationId, kind })
      return { ...target, read: [{ conversationId, seq: 1 }], gone: [], asOf: '' }
    })
    const reports: WithdrawalOutcome[][] = []
    messages.handlers['withdrawals/due'] = () => ({ withdrawals })
    messages.handlers['withdrawals/report'] = ({ outcomes }) => {
      reports.push(outcomes)
      return {}
    }
    const withdrawn = withdraw(push.ctx, { userIds: ['ann' as UserId] }, jobInHand(randomUUID()))
    await expect(withdrawn).rejects.toThrow(RetryLater)
    expect(reports).toEqual([])
    answered.resolve()
    await push.ctx.late[Symbol.asyncDispose]()
    expect(reports).toMatchObject([[{ result: 'accepted' }, { result: 'accepted' }]])
  })
})
