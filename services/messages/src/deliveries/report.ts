import { randomUUID } from 'node:crypto'
import type { PushOutcome, PushReport, WithdrawalOutcome } from '@parley/shared/delivery'
import type { ConversationId, UserId } from '@parley/shared/ids'
import type { Context } from '../context.ts'
import { forgetPushToken } from '../devices/store.ts'
import { recordAttempts } from './attempts-store.ts'
import { advanceNotified } from './due-store.ts'
import { noteShown } from './shown-store.ts'
import { noteLateStale } from './stale-store.ts'
import type { Withdrawals } from './withdrawals.ts'

type ReportContext = Pick<Context, 'db' | 'withdrawalQueue'> & { withdrawals: Pick<Withdrawals, 'note'> }

/**
 * What became of pushes, also of those that an earlier run of their job sent and died before it could say so. A user counts
 * as told up to the last entry for which no device is still to be tried; tokens that the provider called dead are forgotten.
 * What was read, or ceased to hold, while its alert was on its way is taken back, because the alert may have arrived after
 * that.
 */
export async function reportOutcomes(
  { db, withdrawalQueue, withdrawals }: ReportContext,
  { conversationId, asOf, outcomes }: PushReport,
): Promise<void> {
  for (const outcome of outcomes) if (outcome.deadToken) await forgetDead(db, outcome)
  await recordAttempts(db, conversationId, outcomes)
  const marks = marksOf(outcomes)
  if (marks.length > 0) await advanceNotified(db, conversationId, marks)
  const accepted = outcomes.filter(({ result }) => result === 'accepted')
  // Without an attempt, and so with a badge that nobody knows.
  const unknown = outcomes
    .filter(mayBeShown)
    .map(({ userId, deviceId, kind, seq, result }) => ({ userId, deviceId, kind, seq, result }))
  const late = new Set<string>()
  for (const shown of [accepted, unknown]) {
    if (shown.length === 0) continue
    const { late: lateReaders, unsure } = await noteShown(db, { conversationId, asOf, shown })
    // What is tried again is soon known; if not, the sweep puts its badge right.
    if (shown === accepted) withdrawals.note(unsure)
    for (const userId of lateReaders) late.add(userId)
    for (const userId of await noteLateStale(db, conversationId, shown)) late.add(userId)
  }
  if (late.size > 0) await takeBack(withdrawalQueue, conversationId, [...late])
}

const unknownFates = new Set(['unknown-timeout', 'unknown-reset', 'unknown-disconnected'])

/** It was sent, and no answer has come: when it is to be tried again it may not be due any more. */
function mayBeShown({ result, reason = '', attempt }: PushOutcome): boolean {
  // Without an attempt it waits behind one that was sent.
  return attempt !== undefined && result === 'retry' && unknownFates.has(reason)
}

export async function forgetDead(
  db: Context['db'],
  { userId, deviceId, kind, deadToken }: PushOutcome | WithdrawalOutcome,
): Promise<void> {
  if (!deadToken) return
  const since = deadToken.since === undefined ? undefined : new Date(deadToken.since)
  await forgetPushToken(db, { userId, deviceId, kind, token: deadToken.value, since })
}

function marksOf(outcomes: PushOutcome[]): { userId: string; seq: number }[] {
  return [...Map.groupBy(outcomes, ({ userId }) => userId)].flatMap(([userId, ofUser]) => {
    const open = ofUser.filter(({ result }) => result === 'retry').map(({ seq }) => seq)
    const settled = ofUser.map(({ seq }) => seq).filter((seq) => seq < Math.min(Infinity, ...open))
    return settled.length > 0 ? [{ userId, seq: Math.max(...settled) }] : []
  })
}

async function takeBack(
  queue: Context['withdrawalQueue'],
  conversationId: ConversationId,
  userIds: string[],
) {
  await queue.add([{ id: `late_${randomUUID()}`, data: { userIds: userIds as UserId[], conversationId } }])
}
