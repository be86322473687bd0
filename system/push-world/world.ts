import { createLogger } from '@parley/shared/log'
import type { RedisClient } from '@parley/shared/redis'
import type { Scheduler } from 'fast-check'
import type { Pool } from 'pg'
import { vi } from 'vitest'
import type { Context } from '../../services/messages/src/context.ts'
import { listBadges } from '../../services/messages/src/deliveries/shown-store.ts'
import { notify } from '../../services/push/src/notify/notify.ts'
import { withdraw } from '../../services/push/src/notify/withdraw.ts'
import { createConversations } from './conversations.ts'
import { createGateways } from './gateways.ts'
import { heal } from './heal.ts'
import { createHistory } from './history.ts'
import { createJobBoard, type Step } from './job-board.ts'
import { createMessages } from './messages.ts'
import { createPeople } from './people.ts'
import { createPhones } from './phones.ts'
import { createProvider, type Fate } from './provider.ts'
import { createPushContext } from './push-context.ts'

interface Resources extends Pick<Context, 'db' | 'messageTypes'> {
  pool: Pool
  redis: RedisClient
  /** Takes everything away from it. */
  wipeRedis: () => Promise<void>
  scheduler: Scheduler
  nextFate: () => Fate
}

const log = createLogger('test', { level: 'silent' })

/**
 * Three people, their phones and their conversations, on a real Postgres and Redis, with the code that decides
 * (messages) and the code that carries out (push) between them. Every call of a worker to messages, Redis or a
 * provider is a step, whose answer the scheduler lets come in any order; the queue and the phones are played.
 */
export async function createWorld({
  db,
  messageTypes,
  pool,
  redis,
  wipeRedis,
  scheduler,
  nextFate,
}: Resources) {
  await wipeRedis()
  const wrong: string[] = []
  const history = createHistory()
  const phones = createPhones()
  const { provider, sent } = createProvider({ phones, nextFate })
  const people = await createPeople(pool, phones)
  const gateways = createGateways({ redis, people })

  const board = createJobBoard({ scheduler, wrong })
  const pushQueue = board.queueOf((data: Parameters<typeof notify>[1], step, job) =>
    notify(contextOf(step), data, job),
  )
  const withdrawalQueue = board.queueOf((data: Parameters<typeof withdraw>[1], step, job) =>
    withdraw(contextOf(step), data, job),
  )
  const messages = createMessages({
    db,
    messageTypes,
    redis,
    pushQueue,
    withdrawalQueue,
    history,
    wrong,
    log,
  })
  const conversations = await createConversations({ db, pool, people, history, messages })

  function contextOf(step: Step): Parameters<typeof notify>[0] {
    return createPushContext({ step, redis, provider, answers: messages.answers, log })
  }

  const { send, read, acknowledge, recall } = conversations
  const { connect, disconnect, gatewayDies } = gateways
  const { work, proceed, stall, kill } = board
  return {
    send,
    read,
    acknowledge,
    recall,
    connect,
    disconnect,
    gatewayDies,
    async timePasses(ms: number): Promise<void> {
      vi.setSystemTime(Date.now() + ms)
      await gateways.renewLeases()
    },
    look: () => messages.absentees.look(),
    sweep: () => messages.rebuild(),
    takeBack: () => messages.withdrawals.look(),
    work,
    proceed,
    stall,
    kill,
    /** Jobs, ledger and presence are gone; who is working goes on. */
    async wipe(): Promise<void> {
      await wipeRedis()
      board.clear()
    },
    heal: () => heal({ board, messages, redis, wrong }),
    /** Everything that was sent to phones so far. */
    sent,
    /** What is not as it should be, once everything has come to rest. */
    async faults(): Promise<string[]> {
      const badges = await listBadges(db, [...people])
      return [...wrong, ...phones.faults(history, badges)]
    },
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>
