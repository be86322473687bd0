import type { Withdrawal, WithdrawalOutcome } from '@parley/shared/delivery'
import { uuidFrom } from '@parley/shared/ids'
import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { withdrawal } from '@parley/shared/queues'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { forEachAtMost } from './for-each-at-most.ts'
import { send } from './push-delivery.ts'

const devicesAtOnce = 256
const retryMs = 5_000

/**
 * Puts right what devices show: the badge, and alerts of what was read meanwhile. It is asked what is out of
 * date at each attempt, and saying it twice does no harm, so it needs no memory of its own.
 */
export async function withdraw(
  ctx: Pick<Context, 'messages' | 'providers' | 'metrics' | 'log'>,
  { userIds, conversationId }: z.output<typeof withdrawal.data>,
  { claim, lastAttempt }: Pick<JobInHand, 'claim' | 'lastAttempt'>,
): Promise<void> {
  const [first] = userIds
  if (first === undefined) return
  const { withdrawals } = await ctx.messages.call('withdrawals/due', first, { userIds, conversationId })
  if (withdrawals.length === 0) return
  const outcomes: WithdrawalOutcome[] = []
  let retryAfterMs: number | undefined
  await forEachAtMost(devicesAtOnce, withdrawals, async (one) => {
    const outcome = await pushWithdrawal(ctx, one, claim)
    if (outcome.afterMs !== undefined) retryAfterMs = Math.max(retryAfterMs ?? 0, outcome.afterMs)
    outcomes.push(outcome.reported)
  })
  await ctx.messages.call('withdrawals/report', first, { outcomes })
  if (retryAfterMs !== undefined && !lastAttempt)
    throw new RetryLater('some withdrawals are still open', retryAfterMs)
}

async function pushWithdrawal(
  ctx: Pick<Context, 'providers' | 'metrics' | 'log'>,
  one: Withdrawal,
  claim: string,
) {
  const { userId, deviceId, token, badge, read, gone, asOf } = one
  const provider = ctx.providers.for(token.kind)
  const verdict = await send(ctx, provider, {
    kind: 'withdrawal',
    id: uuidFrom(claim, userId, deviceId),
    deviceId,
    token,
    badge,
    read,
    gone,
  })
  ctx.metrics.withdrew(provider.name, verdict)
  const reported: WithdrawalOutcome = {
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
  return { reported, afterMs: verdict.result === 'retry' ? (verdict.afterMs ?? retryMs) : undefined }
}
