import { deliveriesOf, type DueReply, type PushOutcome } from '@parley/shared/delivery'
import { type JobInHand, RetryLater } from '@parley/shared/jobs'
import type { chatPush } from '@parley/shared/queues'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { forEachAtMost } from './for-each-at-most.ts'
import { openLedger } from './ledger.ts'
import { ledgerIds, pushUser } from './push-user.ts'
import { traceRequests } from './trace-requests.ts'

// More than one connection needs to be kept busy, and few enough to leave room for other jobs.
const usersAtOnce = 256
const outcomesPerReport = 500
// What another job is sending is soon told; if not, the watermarks bring it back.
const elsewhereMs = 2_000
const elsewhereAttempts = 3

type ChatPush = z.output<typeof chatPush.data>
type NotifyContext = Pick<
  Context,
  'redis' | 'messages' | 'providers' | 'deadLetters' | 'lull' | 'metrics' | 'tracing' | 'log'
>
type Job = Pick<JobInHand, 'id' | 'claim' | 'attempt' | 'lastAttempt' | 'trace'>

/**
 * Tells the users that are still to be told, oldest entries first, and reports what became of each push. Asked
 * again at each attempt: what has been read or delivered meanwhile is no longer due. What is left open makes
 * the job throw, to be tried again when the first of it may be; the last attempt closes it as refused.
 */
export async function notify(ctx: NotifyContext, data: ChatPush, job: Job): Promise<void> {
  const log = ctx.log.child({ conversationId: data.conversationId, jobId: job.id })
  let userIds = data.userIds
  let retryAt: number | undefined
  let elsewhere = false
  while (userIds.length > 0) {
    const { conversationId, firstSeq, lastSeq } = data
    const query = { conversationId, firstSeq, lastSeq, userIds, claim: job.claim }
    const round = await ctx.lull.hold(async () => {
      const due = await ctx.messages.call('deliveries/due', conversationId, query, job.trace)
      return due.deliveries.length === 0 ? undefined : tell({ ...ctx, log }, data, job, due)
    })
    if (!round) break
    const { asOf, more } = round.due
    // A job that asked nobody makes room at once: its provider is silent, and others wait behind it.
    if (round.outcomes.some(({ attempt }) => attempt)) await ctx.lull.wait()
    for (const outcomes of inReports(round.outcomes))
      await ctx.messages.call(
        'deliveries/report',
        conversationId,
        { conversationId, asOf, outcomes },
        job.trace,
      )
    if (round.nextTryAt !== undefined) retryAt = Math.min(retryAt ?? Infinity, round.nextTryAt)
    elsewhere ||= round.elsewhere
    // Who has more to hear, and nothing open before it, comes again at once.
    const open = new Set(
      round.outcomes.filter(({ result }) => result === 'retry').map(({ userId }) => userId),
    )
    userIds = more.filter((userId) => !open.has(userId))
  }
  if (elsewhere && job.attempt <= elsewhereAttempts) {
    retryAt = Math.min(retryAt ?? Infinity, Date.now() + elsewhereMs * job.attempt)
  }
  if (retryAt !== undefined)
    throw new RetryLater('some pushes are still open', Math.max(0, retryAt - Date.now()))
}

async function tell(ctx: NotifyContext, { conversationId }: ChatPush, job: Job, due: DueReply) {
  const users = [...Map.groupBy(deliveriesOf(due), ({ userId }) => userId).values()]
  const ledger = openLedger(ctx.redis, conversationId, job.claim)
  const entries = await ledger.take(users.flatMap(ledgerIds))
  const begin = traceRequests(ctx.tracing, job.trace)
  const outcomes: PushOutcome[] = []
  let nextTryAt: number | undefined
  let elsewhere = false
  await forEachAtMost(usersAtOnce, users, async (devices) => {
    const { lastAttempt } = job
    const result = await pushUser(ctx, {
      conversationId,
      devices,
      ledger,
      entries,
      lastAttempt,
      begin,
    })
    outcomes.push(...result.outcomes)
    elsewhere ||= result.elsewhere
    if (result.nextTryAt !== undefined) nextTryAt = Math.min(nextTryAt ?? Infinity, result.nextTryAt)
  })
  // Before the report: should that fail, the next attempt finds here what need not be sent again.
  await ledger.flush()
  await ctx.deadLetters.add(conversationId, outcomes)
  return { due, outcomes, nextTryAt, elsewhere }
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
