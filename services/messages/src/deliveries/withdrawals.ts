import type { ConversationId, UserId } from '@parley/shared/ids'
import type { JobQueue } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { withdrawal } from '@parley/shared/queues'
import type { Withdrawal, WithdrawalOutcome } from '@parley/shared/rpc'
import type { Kysely } from 'kysely'
import type { Context } from '../context.ts'
import type { Database } from '../db/schema.ts'
import { toTarget } from './due.ts'
import { forgetDead } from './report.ts'
import * as store from './shown-store.ts'

/** How long readings of a user gather before the other devices are told: one push for a burst of them. */
const gatherMs = 1_000
const sweepEveryMs = 30_000
const usersPerRound = 500
const usersPerJob = 100
/** Beyond this nothing more is remembered; the sweep finds it. */
const maxNoted = 50_000

export type WithdrawalQueue = JobQueue<typeof withdrawal.data>

interface WithdrawalsOptions {
  log: Logger
  db: Kysely<Database>
  queue: WithdrawalQueue
}

/**
 * Sees to it that alerts do not outlive their reading: the other devices of whoever has read are to lower their
 * badge and take down what they show. What is noted here is only a hint; a sweep compares what each device was
 * told last with what is true now, so a crash or a wiped Redis loses nothing.
 */
export function createWithdrawals({ log, db, queue }: WithdrawalsOptions) {
  const noted = new Set<string>()
  let sweptTo = ''

  async function look(): Promise<void> {
    const userIds = [...Iterator.from(noted).take(usersPerRound)]
    for (const userId of userIds) noted.delete(userId)
    if (userIds.length === 0) return
    await enqueueOutdated(await store.listBadged(db, { among: userIds, limit: usersPerRound })).catch(
      (err: unknown) => {
        for (const userId of userIds) note(userId)
        throw err
      },
    )
  }

  /** A page of all who were ever told a badge, another one each time. */
  async function sweep(): Promise<void> {
    const userIds = await store.listBadged(db, { after: sweptTo, limit: usersPerRound })
    sweptTo = userIds.length < usersPerRound ? '' : (userIds.at(-1) ?? '')
    await enqueueOutdated(userIds)
  }

  async function enqueueOutdated(badged: string[]): Promise<void> {
    if (badged.length === 0) return
    const outdated = await findWithdrawals({ db }, { userIds: badged as UserId[] })
    const userIds = [...new Set(outdated.map(({ userId }) => userId))]
    // Of the same second the same job, whichever instance asks.
    const round = Math.floor(Date.now() / gatherMs)
    const jobs = Array.from({ length: Math.ceil(userIds.length / usersPerJob) }, (_, i) => {
      const some = userIds.slice(i * usersPerJob, (i + 1) * usersPerJob)
      return { id: `${some[0]?.replaceAll(':', '-')}_${some.length}_${round}`, data: { userIds: some } }
    })
    if (jobs.length > 0) await queue.add(jobs)
  }

  function note(userId: string): void {
    if (noted.size < maxNoted) noted.add(userId)
  }

  const loops = [
    startLoop({ log, name: 'withdrawals', everyMs: gatherMs }, look),
    startLoop({ log, name: 'withdrawal sweep', everyMs: sweepEveryMs }, sweep),
  ]
  return {
    /** This user has read something. */
    note,
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()))
      await look().catch((err: unknown) => log.warn({ err }, 'withdrawals are left to the sweep'))
    },
  }
}

export type Withdrawals = ReturnType<typeof createWithdrawals>

/**
 * Devices that show what is no longer true: another badge than the user's unread, or alerts of what has been read.
 * With a conversation named, all devices that were told a badge: an alert of it may have overtaken the last word.
 */
export async function findWithdrawals(
  { db }: Pick<Context, 'db'>,
  { userIds, conversationId }: { userIds: UserId[]; conversationId?: ConversationId | undefined },
): Promise<Withdrawal[]> {
  const [tokens, badges, marks] = await Promise.all([
    store.listToldTokens(db, userIds),
    store.listBadges(db, userIds),
    store.listReadAlerts(db, userIds, conversationId ?? null),
  ])
  return tokens.flatMap((token) => {
    const badge = badges.get(token.userId) ?? 0
    const read = marks.get(token.userId) ?? []
    if (conversationId === undefined && read.length === 0 && badge === token.badge) return []
    return [{ ...toTarget(token, badge), read }]
  })
}

/** What became of withdrawals: what a device accepted is what it shows. */
export async function reportWithdrawals(
  { db }: Pick<Context, 'db'>,
  outcomes: WithdrawalOutcome[],
): Promise<void> {
  for (const outcome of outcomes) if (outcome.deadToken) await forgetDead(db, outcome)
  const accepted = outcomes.filter(({ result }) => result === 'accepted')
  if (accepted.length > 0) await store.setBadges(db, accepted)
  const open = new Set(outcomes.filter(({ result }) => result === 'retry').map(({ userId }) => userId))
  const marks = outcomes
    .filter(({ userId }) => !open.has(userId))
    .flatMap(({ userId, read }) => read.map((mark) => ({ userId, ...mark })))
  if (marks.length > 0) await store.advanceWithdrawn(db, marks)
}
