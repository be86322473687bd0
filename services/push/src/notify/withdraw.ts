import type { Withdrawal, WithdrawalOutcome } from '@parley/shared/delivery'
import { uuidFrom } from '@parley/shared/ids'
import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { withdrawal } from '@parley/shared/queues'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { finalOf } from '../providers/patience.ts'
import type { Verdict } from '../providers/provider.ts'
import { forEachAtMost } from './for-each-at-most.ts'
import { send } from './push-delivery.ts'

const devicesAtOnce = 256
const retryMs = 5_000

type WithdrawContext = Pick<Context, 'messages' | 'providers' | 'late' | 'metrics' | 'log'>

/**
 * Puts right what devices show: the badge, and alerts of what was read meanwhile. It is asked what is out of
 * date at each attempt, and saying it twice does no harm, so it needs no memory of its own.
 */
export async function withdraw(
  ctx: WithdrawContext,
  { userIds, conversationId }: z.output<typeof withdrawal.data>,
  { claim, lastAttempt }: Pick<JobInHand, 'claim' | 'lastAttempt'>,
): Promise<void> {
  const [first] = userIds
  if (first === undefined) return
  const { withdrawals } = await ctx.messages.call('withdrawals/due', first, { userIds, conversationId })
  if (withdrawals.length === 0) return
  const all: Sent[] = []
  let retryAfterMs: number | undefined
  await forEachAtMost(devicesAtOnce, withdrawals, async (one) => {
    const verdict = await pushWithdrawal(ctx, one, claim)
    if (verdict.result === 'retry') retryAfterMs = Math.max(retryAfterMs ?? 0, verdict.afterMs ?? retryMs)
    all.push({ one, verdict })
  })
  // A user's outcomes stay together: what is told to none of the devices is said again to all of them.
  const slow = new Set(all.filter(isLate).map(({ one }) => one.userId))
  const { now, late } = Object.groupBy(all, ({ one }) => (slow.has(one.userId) ? 'late' : 'now'))
  if (now) await report(ctx, now)
  if (late) ctx.late.add(report(ctx, late))
  if (retryAfterMs !== undefined && !lastAttempt)
    throw new RetryLater('some withdrawals are still open', retryAfterMs)
}

interface Sent {
  one: Withdrawal
  verdict: Verdict
}

const isLate = ({ verdict }: Sent) => verdict.result === 'retry' && verdict.late !== undefined

async function pushWithdrawal({ providers, log }: WithdrawContext, one: Withdrawal, claim: string) {
  const { userId, deviceId, token, badge, read, gone } = one
  const id = uuidFrom(claim, userId, deviceId)
  const push = { kind: 'withdrawal' as const, id, deviceId, token, badge, read, gone }
  return send({ log }, providers.for(token.kind), push)
}

/** Says what became of them, once all of them have been answered. */
async function report({ messages, providers, metrics }: WithdrawContext, sent: Sent[]): Promise<void> {
  const outcomes = await Promise.all(
    sent.map(async ({ one, verdict }) => {
      const final = await finalOf(verdict)
      metrics.withdrew(providers.for(one.token.kind).name, final)
      return outcomeOf(one, final)
    }),
  )
  await messages.call('withdrawals/report', outcomes[0]?.userId ?? '', { outcomes })
}

function outcomeOf(
  { userId, deviceId, token, badge, read, gone, asOf }: Withdrawal,
  verdict: Verdict,
): WithdrawalOutcome {
  return {
    userId,
    deviceId,
    kind: token.kind,
    read,
    gone,
    asOf,
    badge,
    result: verdict.result,
    ...(verdict.result === 'dropped-token'
      ? { deadToken: { value: token.value, since: verdict.since } }
      : {}),
  }
}
