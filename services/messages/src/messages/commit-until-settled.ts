import { setTimeout as wait } from 'node:timers/promises'
import type { AppError } from '@parley/shared/errors'
import type { Logger } from '@parley/shared/log'
import type { Pool } from 'pg'
import type { MessagesFrom } from '../contacts/bars.ts'
import { isDuplicate, isRefusedData, isTransient } from '../db/sql-state.ts'
import { commitUnknown, contendedConversation, unstorable } from '../errors.ts'
import { commitAttempt, othersThanPlain } from './commit-attempt.ts'
import { openDirectConversations } from './open-direct.ts'
import type { PlainSends } from './plain-sends.ts'
import type { PreparedSend } from './prepared-send.ts'
import { refusalError } from './refusal-error.ts'
import type { Standing } from './standing.ts'

type Outcome = Exclude<Standing, { kind: 'refused' | 'stale' }> | AppError

export interface SettledBatch {
  sends: PreparedSend[]
  /** In the order of the sends. */
  outcomes: Outcome[]
  dispatches: number[]
}

interface CommitOptions {
  log: Logger
  /** From whom accounts take direct messages, where they do not say so themselves. */
  messagesFrom: MessagesFrom
  plainSends: PlainSends
}

/** Postgres that restarts is back within a few seconds; a client's own deadline is not much longer. */
const retryDelaysMs = [50, 200, 500, 1_000, 1_500, 2_000]

/**
 * Commits a batch, first the plain way, and deals with what one statement cannot: the first message of a direct conversation, a
 * conversation that somebody else changed meanwhile, a deadlock, a connection lost with the commit in doubt
 * (safe to repeat, since known sends are found), and content that Postgres refuses, which must not take the
 * rest of its batch with it.
 */
export async function commitUntilSettled(
  pool: Pool,
  sends: PreparedSend[],
  options: CommitOptions,
): Promise<SettledBatch> {
  const { log, messagesFrom, plainSends } = options
  const outcomes = new Map<PreparedSend, Outcome>()
  const dispatches: number[] = []
  const others = othersThanPlain(sends, plainSends)
  let plain = others.size === 0 ? sends : sends.filter((send) => !others.has(send.conversationId))
  let open = sends
  const opened = new Set<string>()

  for (let attempt = 0; open.length > 0; attempt++) {
    const again: PreparedSend[] = []
    const missing: PreparedSend[] = []
    try {
      const { standings, dispatchId } = await commitAttempt(pool, open, { attempt, plain })
      if (dispatchId !== undefined) dispatches.push(dispatchId)
      for (const [i, send] of open.entries()) {
        const standing = standings[i] ?? { kind: 'stale' }
        if (standing.kind === 'stale') again.push(send)
        else if (
          standing.kind === 'refused' &&
          standing.reason === 'no_conversation' &&
          !opened.has(send.conversationId) &&
          send.directTo
        )
          missing.push(send)
        else {
          const { conversationId } = send
          const wasTried = plain.length > 0 && !others.has(conversationId)
          if (attempt > 0 && wasTried && !opened.has(conversationId)) plainSends.leaveOut(conversationId)
          outcomes.set(send, standing.kind === 'refused' ? refusalError(standing.reason) : standing)
        }
      }
      if (missing.length > 0) {
        for (const [send, error] of await openDirectConversations(pool, missing, { messagesFrom }))
          outcomes.set(send, error)
        for (const send of missing) opened.add(send.conversationId)
        again.push(...missing.filter((send) => !outcomes.has(send)))
      }
    } catch (cause) {
      // A send that was committed before. The next attempt finds it.
      if (attempt === 0 && isDuplicate(cause)) {
        plainSends.leaveOutAll()
        plain = []
        continue
      }
      const delayMs = retryDelaysMs[attempt]
      // What this round has committed stays so; found again as known, it would not be announced.
      open = open.filter((send) => !outcomes.has(send))
      if (isRefusedData(cause)) {
        return merge(outcomes, dispatches, sends, await settleApart(pool, open, options, cause))
      }
      if (delayMs === undefined || !isTransient(cause)) {
        log.error({ err: cause, sends: open.length }, 'commit failed')
        for (const send of open) outcomes.set(send, commitUnknown(cause))
        break
      }
      log.warn({ err: cause, attempt }, 'commit is tried again')
      await wait(delayMs * (0.5 + Math.random()))
      continue
    }
    if (attempt >= retryDelaysMs.length)
      for (const send of again.splice(0)) outcomes.set(send, contendedConversation())
    open = again
  }
  return { sends, outcomes: sends.map((send) => outcomes.get(send) ?? contendedConversation()), dispatches }
}

/** One bad row fails its whole batch; so the batch is halved until the row stands alone. */
async function settleApart(
  pool: Pool,
  sends: PreparedSend[],
  options: CommitOptions,
  cause: unknown,
): Promise<SettledBatch> {
  const [only] = sends
  if (only && sends.length === 1) return { sends, outcomes: [unstorable(cause)], dispatches: [] }
  const middle = sends.length >> 1
  const first = await commitUntilSettled(pool, sends.slice(0, middle), options)
  const second = await commitUntilSettled(pool, sends.slice(middle), options)
  return {
    sends,
    outcomes: [...first.outcomes, ...second.outcomes],
    dispatches: [...first.dispatches, ...second.dispatches],
  }
}

function merge(
  outcomes: Map<PreparedSend, Outcome>,
  dispatches: number[],
  sends: PreparedSend[],
  rest: SettledBatch,
): SettledBatch {
  for (const [i, send] of rest.sends.entries())
    outcomes.set(send, rest.outcomes[i] ?? contendedConversation())
  return {
    sends,
    outcomes: sends.map((send) => outcomes.get(send) ?? contendedConversation()),
    dispatches: [...dispatches, ...rest.dispatches],
  }
}
