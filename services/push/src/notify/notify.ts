import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { chatPush } from '@parley/shared/queues'
import type { PushOutcome } from '@parley/shared/rpc'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { forEachAtMost } from './for-each-at-most.ts'
import { openLedger } from './ledger.ts'
import { pushDelivery, pushIds } from './push-delivery.ts'

// More than one connection needs to be kept busy, and few enough to leave room for other jobs.
const devicesAtOnce = 256
const outcomesPerReport = 500

/**
 * Tells the devices that are still to be told, and reports what became of each. Asked again at each attempt:
 * what has been read or delivered meanwhile is no longer due. What is left open makes the job throw, to be
 * tried again; the last attempt closes it as refused.
 */
export async function notify(
  ctx: Pick<Context, 'redis' | 'messages' | 'alertProviders' | 'metrics' | 'log'>,
  data: z.output<typeof chatPush.data>,
  job: Pick<JobInHand, 'id' | 'lastAttempt'>,
): Promise<void> {
  const { conversationId } = data
  const log = ctx.log.child({ conversationId, jobId: job.id })
  const { deliveries } = await ctx.messages.call('deliveries/due', conversationId, {
    conversationId,
    firstSeq: data.firstSeq,
    lastSeq: data.lastSeq,
    userIds: data.userIds,
  })
  const ours = deliveries
    .filter(({ token }) => ctx.alertProviders[token.kind] !== undefined)
    .map((delivery) => ({ delivery, ids: pushIds(delivery) }))
  if (ours.length === 0) return

  const ledger = openLedger(ctx.redis, { conversationId, jobId: job.id })
  const entries = await ledger.take(ours.flatMap(({ ids }) => ids))
  const outcomes: PushOutcome[] = []
  let retryAfterMs: number | undefined
  await forEachAtMost(devicesAtOnce, ours, async ({ delivery, ids }) => {
    const { lastAttempt } = job
    const options = { conversationId, delivery, ids, ledger, entries, lastAttempt }
    const result = await pushDelivery({ ...ctx, log }, options)
    outcomes.push(...result.outcomes)
    if (result.retryAfterMs !== undefined) retryAfterMs = Math.max(retryAfterMs ?? 0, result.retryAfterMs)
  })
  // Before the report: should that fail, the next attempt finds here what need not be sent again.
  await ledger.flush()

  for (const some of inReports(outcomes)) {
    await ctx.messages.call('deliveries/report', conversationId, { conversationId, outcomes: some })
  }
  if (retryAfterMs !== undefined) throw new RetryLater('some pushes are still open', retryAfterMs)
}

/** A user's outcomes stay together: whether someone counts as told is judged by all of them at once. */
function inReports(outcomes: PushOutcome[]): PushOutcome[][] {
  const reports: PushOutcome[][] = []
  for (const ofUser of Map.groupBy(outcomes, ({ userId }) => userId).values()) {
    const last = reports.at(-1)
    if (last && last.length + ofUser.length <= outcomesPerReport) last.push(...ofUser)
    else reports.push(ofUser)
  }
  return reports
}
