import { deliveriesOf } from '@parley/shared/delivery'
import type { Logger } from '@parley/shared/log'
import type { RedisClient } from '@parley/shared/redis'
import type { Rpc } from '@parley/shared/rpc'
import type { Context } from '../../services/messages/src/context.ts'
import { createAbsentees } from '../../services/messages/src/deliveries/absentees.ts'
import { findDue } from '../../services/messages/src/deliveries/due.ts'
import type { PushQueue } from '../../services/messages/src/deliveries/enqueue-pushes.ts'
import { rebuild } from '../../services/messages/src/deliveries/rebuild.ts'
import { reportOutcomes } from '../../services/messages/src/deliveries/report.ts'
import {
  createWithdrawals,
  findWithdrawals,
  reportWithdrawals,
  type WithdrawalQueue,
} from '../../services/messages/src/deliveries/withdrawals.ts'
import type { History } from './history.ts'

interface MessagesOptions extends Pick<Context, 'db' | 'messageTypes'> {
  redis: RedisClient
  pushQueue: PushQueue
  withdrawalQueue: WithdrawalQueue
  history: History
  /** Takes what is due and should not be. */
  wrong: string[]
  log: Logger
}

/** The code that decides: nothing in it looks or sweeps by itself, and each answer of what is due is checked. */
export function createMessages(options: MessagesOptions) {
  const { db, messageTypes, redis, pushQueue, withdrawalQueue, history, wrong, log } = options
  const announcer = { ring: async () => {}, order: async () => {} }
  const config = { ackWaitMs: 8_000, backgroundAckWaitMs: 2_000 }
  const absentees = createAbsentees({ config, log, db, redis, pushQueue, announcer })
  const withdrawals = createWithdrawals({ db, queue: withdrawalQueue })

  /** What it answers to push. */
  const answers = {
    'deliveries/due': checkedDue,
    'deliveries/report': (report: Rpc['deliveries/report']['request']) =>
      reportOutcomes({ db, withdrawalQueue, withdrawals }, report),
    'withdrawals/due': async (query: Rpc['withdrawals/due']['request']) => ({
      withdrawals: await findWithdrawals({ db }, query),
    }),
    'withdrawals/report': ({ outcomes }: Rpc['withdrawals/report']['request']) =>
      reportWithdrawals({ db, withdrawals }, outcomes),
  }

  async function checkedDue(query: Rpc['deliveries/due']['request']) {
    const before = history.soFar()
    const due = await findDue({ db, messageTypes }, query)
    for (const { userId, alerts } of deliveriesOf(due)) {
      const { read, delivered } = before.markOf(userId, query.conversationId)
      for (const { seq, messageId } of alerts) {
        if (seq <= read) wrong.push(`${messageId} was due to ${userId} after it was read`)
        if (seq <= delivered) wrong.push(`${messageId} was due to ${userId} after it was delivered`)
        const entry = history.findEntry(query.conversationId, seq)
        if (entry?.senderId === userId) wrong.push(`${messageId} was due to its sender`)
        if (entry && before.wasRecalled(entry)) wrong.push(`${messageId} was due after it was recalled`)
      }
    }
    return due
  }

  return {
    answers,
    absentees,
    withdrawals,
    rebuild: async () => void (await rebuild({ db, pushQueue }, { idleMs: 0 })),
  }
}

export type Messages = ReturnType<typeof createMessages>
