import type { ReadMark, Withdrawal, WithdrawalOutcome } from '@parley/shared/delivery'
import { type ConversationId, messageIdOf, seqOfMessage, type UserId, uuidFrom } from '@parley/shared/ids'
import type { JobQueue } from '@parley/shared/jobs'
import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { withdrawal } from '@parley/shared/queues'
import type { Kysely } from 'kysely'
import type { Context } from '../context.ts'
import type { Database } from '../db/schema.ts'
import { quietKinds } from './due-store.ts'
import { toTarget } from './due.ts'
import { forgetDead } from './report.ts'
import * as store from './shown-store.ts'
import { listStale, removeOldStale, removeStale, type StaleAlert } from './stale-store.ts'

/** How long readings of a user gather before the other devices are told: one push for a burst of them. */
const gatherMs = 1_000
const sweepEveryMs = 30_000
const usersPerRound = 500
const usersPerJob = 100
/** Beyond this nothing more is remembered; the sweep finds it. */
const maxNoted = 50_000

export type WithdrawalQueue = JobQueue<typeof withdrawal.data>

interface WithdrawalsOptions {
  db: Kysely<Database>
  queue: WithdrawalQueue
}

/**
 * Sees to it that alerts do not outlive what they tell: when it is read, recalled, hidden, or its conversation
 * left, the devices are to lower their badge and take down what they show. What is noted here is only a hint; a sweep compares what each device was
 * told last with what is true now, so a crash or a wiped Redis loses nothing.
 */
export function createWithdrawals({ db, queue }: WithdrawalsOptions) {
  const noted = new Set<string>()
  let sweptTo = ''

  async function look(): Promise<void> {
    const userIds = [...Iterator.from(noted).take(usersPerRound)]
    for (const userId of userIds) noted.delete(userId)
    if (userIds.length === 0) return
    const enqueueing = store.listAffected(db, userIds).then(enqueueOutdated)
    await enqueueing.catch((err: unknown) => {
      for (const userId of userIds) note(userId)
      throw err
    })
  }

  /** A page of all whose devices can be told something, another one each time. */
  async function sweep(): Promise<void> {
    await removeOldStale(db)
    const userIds = await store.listReachable(db, {
      kinds: quietKinds,
      after: sweptTo,
      limit: usersPerRound,
    })
    sweptTo = userIds.length < usersPerRound ? '' : (userIds.at(-1) ?? '')
    await enqueueOutdated(userIds)
  }

  async function enqueueOutdated(among: string[]): Promise<void> {
    if (among.length === 0) return
    const outdated = await findWithdrawals({ db }, { userIds: among as UserId[] })
    const userIds = [...new Set(outdated.map(({ userId }) => userId))]
    // Of the same second the same job, whichever instance asks.
    const round = Math.floor(Date.now() / gatherMs)
    const jobs = Array.from({ length: Math.ceil(userIds.length / usersPerJob) }, (_, i) => {
      const some = userIds.slice(i * usersPerJob, (i + 1) * usersPerJob)
      return { id: `${uuidFrom(...some)}_${round}`, data: { userIds: some } }
    })
    if (jobs.length > 0) await queue.add(jobs)
  }

  function note(userId: string): void {
    if (noted.size < maxNoted) noted.add(userId)
  }

  return {
    /** Something that these users were alerted of has been read, or holds no longer. */
    note(userIds: Iterable<string>): void {
      for (const userId of userIds) note(userId)
    },
    look,
    sweep,
  }
}

export type Withdrawals = ReturnType<typeof createWithdrawals>

/** Looks for them again and again; disposing looks once more. */
export function startWithdrawals({ look, sweep }: Withdrawals, log: Logger): AsyncDisposable {
  const loops = [
    startLoop({ log, name: 'withdrawals', everyMs: gatherMs }, look),
    startLoop({ log, name: 'withdrawal sweep', everyMs: sweepEveryMs }, sweep),
  ]
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()))
      await look().catch((err: unknown) => log.warn({ err }, 'withdrawals are left to the sweep'))
    },
  }
}

/** How much one withdrawal names, so that its push stays below what providers take; the rest follows. */
const marksEach = 20
const goneEach = 10

/**
 * Devices that show what is no longer true: another badge than the user's unread, or alerts that were read or
 * hold no longer. With a conversation named, all devices that were told anything: an alert of it may have
 * overtaken the last word.
 */
export async function findWithdrawals(
  { db }: Pick<Context, 'db'>,
  { userIds, conversationId }: { userIds: UserId[]; conversationId?: ConversationId | undefined },
): Promise<Withdrawal[]> {
  const [tokens, badges, read, stale] = await Promise.all([
    store.listTokens(db, userIds),
    store.listBadges(db, userIds),
    store.listReadAlerts(db, userIds, { also: conversationId ?? null, limitEach: marksEach }),
    listStale(db, userIds, goneEach),
  ])
  const readOf = Map.groupBy([...read, ...stale.filter(({ andBefore }) => andBefore)], userOf)
  const staleOf = Map.groupBy(stale, userOf)
  return tokens.flatMap((token) => {
    const badge = badges.get(token.userId) ?? 0
    const marks = readOf.get(token.userId) ?? []
    const ofUser = staleOf.get(token.userId) ?? []
    const isTrue = marks.length + ofUser.length === 0 && (token.badge === null || token.badge === badge)
    if (conversationId === undefined && isTrue) return []
    const gone = ofUser.filter(({ andBefore }) => !andBefore)
    return [
      {
        ...toTarget(token, badge),
        read: furthest(marks),
        gone: gone.map((one) => messageIdOf(one.conversationId, one.seq)),
        asOf: ofUser[0]?.asOf ?? '',
      },
    ]
  })
}

const userOf = ({ userId }: { userId: string }) => userId

/** One mark for each conversation. */
function furthest(marks: ReadMark[]): ReadMark[] {
  const seqs = new Map<string, number>()
  for (const { conversationId, seq } of marks) {
    seqs.set(conversationId, Math.max(seqs.get(conversationId) ?? 0, seq))
  }
  return [...seqs].map(([conversationId, seq]) => ({ conversationId, seq }))
}

/** What became of withdrawals: what a device accepted is what it shows. */
export async function reportWithdrawals(
  { db, withdrawals }: { db: Context['db']; withdrawals: Pick<Withdrawals, 'note'> },
  outcomes: WithdrawalOutcome[],
): Promise<void> {
  for (const outcome of outcomes) if (outcome.deadToken) await forgetDead(db, outcome)
  const accepted = outcomes.filter(({ result }) => result === 'accepted')
  if (accepted.length > 0) await store.setBadges(db, accepted)
  const open = new Set(outcomes.filter(({ result }) => result === 'retry').map(({ userId }) => userId))
  const closed = outcomes.filter(({ userId }) => !open.has(userId))
  const marks = closed.flatMap(({ userId, read }) => read.map((mark) => ({ userId, ...mark })))
  if (marks.length > 0) await store.advanceWithdrawn(db, marks)
  if (closed.length > 0)
    await store.settleLost(
      db,
      closed.map(({ userId }) => userId),
    )
  const taken = closed.flatMap(takenBy)
  if (taken.length > 0) await removeStale(db, taken)
  // There may have been more than fits into one.
  withdrawals.note(
    closed
      .filter(({ read, gone = [] }) => read.length >= marksEach || gone.length + read.length >= goneEach)
      .map(userOf),
  )
}

/** What of the stale alerts is done with; a worker of an earlier release says nothing of them. */
function takenBy({ userId, read, gone = [], asOf = '' }: WithdrawalOutcome): StaleAlert[] {
  if (asOf === '') return []
  return [
    ...read.map((mark) => ({ userId, ...mark, andBefore: true, asOf })),
    ...gone.flatMap((messageId) => {
      const seq = seqOfMessage(messageId)
      const conversationId = messageId.slice(0, messageId.lastIndexOf('.'))
      return seq === undefined ? [] : [{ userId, conversationId, seq, andBefore: false, asOf }]
    }),
  ]
}
