import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { deliveriesOf } from '@parley/shared/delivery'
import type { ConversationId, DeviceId, UserId } from '@parley/shared/ids'
import { type JobInHand, type JobToAdd, RetryLater } from '@parley/shared/jobs'
import { createLogger } from '@parley/shared/log'
import { createPresenceLease, type UserAtGateway } from '@parley/shared/presence'
import type { RedisClient } from '@parley/shared/redis'
import type { Rpc } from '@parley/shared/rpc'
import type { Scheduler } from 'fast-check'
import { Cluster, type Redis } from 'ioredis'
import type { Pool } from 'pg'
import { vi } from 'vitest'
import { recallMessage } from '../services/messages/src/changes/store.ts'
import type { Context } from '../services/messages/src/context.ts'
import { createAbsentees } from '../services/messages/src/deliveries/absentees.ts'
import { findDue } from '../services/messages/src/deliveries/due.ts'
import { rebuild } from '../services/messages/src/deliveries/rebuild.ts'
import { reportOutcomes } from '../services/messages/src/deliveries/report.ts'
import { listBadges } from '../services/messages/src/deliveries/shown-store.ts'
import { endAlertsOf } from '../services/messages/src/deliveries/stale-store.ts'
import {
  createWithdrawals,
  findWithdrawals,
  reportWithdrawals,
} from '../services/messages/src/deliveries/withdrawals.ts'
import { moveWatermarks } from '../services/messages/src/receipts/store.ts'
import { notify } from '../services/push/src/notify/notify.ts'
import { withdraw } from '../services/push/src/notify/withdraw.ts'
import type { Push, PushProvider, Verdict } from '../services/push/src/providers/provider.ts'

/** What becomes of a push: taken; refused for now; taken, or lost, without anybody being told. */
export type Fate = 'accepted' | 'failed' | 'arrived-unknown' | 'lost-unknown'

/** A device without a socket: what the provider brings is all it knows. */
interface Phone {
  userId: UserId
  badge: number | undefined
  /** By message. */
  shown: Map<string, { conversationId: string; seq: number }>
  everShown: Set<string>
}

interface Job {
  id: string
  attempt: number
  /** As BullMQ counts: waiting again after it failed, or after its worker was taken for dead. */
  state: 'waiting' | 'running'
  run: (worker: Worker, job: JobInHand) => Promise<void>
}

/** One run of a job. What is dead does nothing any more, wherever it was. */
interface Worker {
  job: Job
  isDead: boolean
}

interface Resources extends Pick<Context, 'db' | 'messageTypes'> {
  pool: Pool
  redis: RedisClient
  /** Takes everything away from it. */
  wipeRedis: () => Promise<void>
  scheduler: Scheduler
  nextFate: () => Fate
}

type NotifyContext = Parameters<typeof notify>[0]

const log = createLogger('test', { level: 'silent' })
const longMs = 10 * 60_000

/**
 * Three people, their phones and their conversations, on a real Postgres and Redis, with the code that decides
 * (messages) and the code that carries out (push) between them. Every call of a worker to messages, Redis or a
 * provider is a step that the scheduler lets happen in any order; the queue and the phones are played.
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
  const name = (role: string) => `${role}-${randomUUID().slice(0, 8)}` as UserId
  const [ann, ben, cas] = [name('ann'), name('ben'), name('cas')]
  const people = [ann, ben, cas]
  const conversations = {
    direct: `d-${randomUUID()}` as ConversationId,
    group: `g-${randomUUID()}` as ConversationId,
  }
  const members = { direct: [ann, ben], group: [ann, ben, cas] }
  const phones = new Map<string, Phone>()
  const sounds = new Map<string, number>()
  const marks = new Map<string, { read: number; delivered: number }>()
  const entries: { conversationId: ConversationId; seq: number; senderId: UserId; recalled: boolean }[] = []
  const wrong: string[] = []
  const jobs = new Map<string, Job>()
  const workers = new Set<Worker>()
  const gateways = [createGateway(), createGateway()]
  let added = 0

  await wipeRedis()
  await createRows()

  const pushQueue = queueOf(async (data: Parameters<typeof notify>[1], worker, job) =>
    notify(contextOf(worker), data, job),
  )
  const withdrawalQueue = queueOf(async (data: Parameters<typeof withdraw>[1], worker, job) =>
    withdraw(contextOf(worker), data, job),
  )
  const announcer = { ring: async () => {}, order: async () => {} }
  const config = { ackWaitMs: 8_000, backgroundAckWaitMs: 2_000 }
  const absentees = createAbsentees({ config, log, db, redis, pushQueue, announcer })
  const withdrawals = createWithdrawals({ db, queue: withdrawalQueue })

  async function createRows(): Promise<void> {
    // Nobody of an earlier world is to be told anything.
    await pool.query('delete from push_token')
    for (const userId of people) {
      await pool.query('insert into account (user_id, password_hash) values ($1, $2)', [userId, 'x'])
      for (const deviceId of userId === ben ? ['phone', 'tablet'] : ['phone']) {
        await pool.query(`insert into device (user_id, device_id, platform) values ($1, $2, 'ios')`, [
          userId,
          deviceId,
        ])
        await pool.query(
          `insert into push_token (user_id, device_id, kind, token, environment) values ($1, $2, 'apns', $3, 'production')`,
          [userId, deviceId, randomUUID()],
        )
        phones.set(`${userId} ${deviceId}`, {
          userId,
          badge: undefined,
          shown: new Map(),
          everShown: new Set(),
        })
      }
    }
    for (const kind of ['direct', 'group'] as const) {
      await pool.query(
        `insert into conversation (conversation_id, kind, user_ids, creator_id, last_seq, last_count) values ($1, $2, $3, $4, 0, 0)`,
        [conversations[kind], kind, kind === 'direct' ? members.direct.toSorted() : null, ann],
      )
      for (const userId of members[kind]) {
        await pool.query(
          `insert into member (conversation_id, user_id, role, joined_seq, delivered_seq, read_seq, notified_seq) values ($1, $2, 'member', 0, 0, 0, 0)`,
          [conversations[kind], userId],
        )
      }
    }
  }

  function queueOf<Data>(work: (data: Data, worker: Worker, job: JobInHand) => Promise<void>) {
    return {
      async add(toAdd: JobToAdd<Data>[]): Promise<void> {
        for (const { id, data } of toAdd) {
          if (jobs.has(id)) continue
          added++
          jobs.set(id, { id, attempt: 0, state: 'waiting', run: (worker, job) => work(data, worker, job) })
        }
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  /** One thing a worker does, when the scheduler lets it. A dead worker's next step never comes back. */
  async function step<T>(worker: Worker, work: () => Promise<T>): Promise<T> {
    const done = await scheduler.scheduleFunction(async () =>
      worker.isDead ? undefined : { result: await work().catch((err: unknown) => ({ err })) },
    )()
    if (!done || worker.isDead) return new Promise<T>(() => {})
    if (done.result !== null && typeof done.result === 'object' && 'err' in done.result) throw done.result.err
    return done.result as T
  }

  function contextOf(worker: Worker): NotifyContext {
    const provider: PushProvider = {
      name: 'apns',
      send: (push) => step(worker, async () => arrive(push, nextFate())),
    }
    const context = {
      log,
      redis: { eval: (...args: Parameters<Redis['eval']>) => step(worker, () => redis.eval(...args)) },
      messages: {
        call: (method: keyof typeof answers, _key: string, request: never) =>
          step<unknown>(worker, () => answers[method](request)),
      },
      providers: { for: () => provider },
      // Nothing is given up here.
      deadLetters: { async add() {} },
      lull: { hold: (work: () => Promise<unknown>) => work(), wait: () => step(worker, async () => {}) },
      tracing: undefined,
      metrics: { attempted() {}, withdrew() {} },
    } satisfies Record<keyof NotifyContext, unknown>
    return context as unknown as NotifyContext
  }

  /** What messages answers to push. */
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
    const before = new Map([...marks].map(([key, mark]) => [key, { ...mark }]))
    const recalled = entries.filter((entry) => entry.recalled)
    const due = await findDue({ db, messageTypes }, query)
    for (const { userId, alerts } of deliveriesOf(due)) {
      const { read = 0, delivered = 0 } = before.get(`${userId} ${query.conversationId}`) ?? {}
      for (const { seq, messageId } of alerts) {
        if (seq <= read) wrong.push(`${messageId} was due to ${userId} after it was read`)
        if (seq <= delivered) wrong.push(`${messageId} was due to ${userId} after it was delivered`)
        const entry = entries.find((one) => one.conversationId === query.conversationId && one.seq === seq)
        if (entry?.senderId === userId) wrong.push(`${messageId} was due to its sender`)
        if (entry && recalled.includes(entry)) wrong.push(`${messageId} was due after it was recalled`)
      }
    }
    return due
  }

  function arrive(push: Push, fate: Fate): Verdict {
    if (fate === 'failed') return { result: 'retry', reason: 'InternalServerError' }
    if (fate !== 'lost-unknown') show(push)
    return fate === 'accepted'
      ? { result: 'accepted' }
      : { result: 'retry', reason: 'unknown-reset', maybeShown: true }
  }

  function show(push: Push): void {
    const phone = phoneOf(push)
    if (push.kind === 'alert') {
      const { messageId, seq, audible } = push.alert
      phone.badge = push.badge
      phone.shown.set(messageId, { conversationId: push.conversationId, seq })
      phone.everShown.add(messageId)
      const key = `${phone.userId} ${messageId}`
      if (audible) sounds.set(key, (sounds.get(key) ?? 0) + 1)
    } else if (push.kind === 'withdrawal') {
      phone.badge = push.badge
      for (const messageId of push.gone) phone.shown.delete(messageId)
      for (const [messageId, { conversationId, seq }] of phone.shown) {
        const isRead = push.read.some((mark) => mark.conversationId === conversationId && seq <= mark.seq)
        if (isRead) phone.shown.delete(messageId)
      }
    }
  }

  const tokens = new Map<string, Phone>()
  for (const row of (
    await pool.query<{ token: string; userId: string; deviceId: string }>(
      `select token, user_id as "userId", device_id as "deviceId" from push_token where user_id = any($1)`,
      [people],
    )
  ).rows) {
    const phone = phones.get(`${row.userId} ${row.deviceId}`)
    if (phone) tokens.set(row.token, phone)
  }

  function phoneOf({ token }: Pick<Push, 'token'> & { deviceId: DeviceId }): Phone {
    const phone = tokens.get(token.value)
    if (!phone) throw new Error('no such phone')
    return phone
  }

  function createGateway() {
    const users = new Map<UserId, UserAtGateway>()
    return { users, isAlive: true, lease: createPresenceLease(redis, randomUUID(), () => users) }
  }

  const waiting = () => [...jobs.values()].filter(({ state }) => state === 'waiting')

  /** Hands out the job that waits the longest. */
  function work(): void {
    const [job] = waiting()
    if (job) begin(job)
  }

  function begin(job: Job): void {
    job.state = 'running'
    job.attempt++
    const worker = { job, isDead: false }
    workers.add(worker)
    const inHand = { id: job.id, claim: `${job.id}@1`, attempt: job.attempt, lastAttempt: job.attempt >= 64 }
    job.run(worker, inHand).then(
      () => finish(worker),
      (err: unknown) => {
        if (!(err instanceof RetryLater)) wrong.push(`a job failed: ${String(err)}`)
        finish(worker, err)
      },
    )
  }

  function finish(worker: Worker, err?: unknown): void {
    workers.delete(worker)
    if (jobs.get(worker.job.id) !== worker.job) return
    // Remembered when it is done, so that the same job is not added again.
    worker.job.state = err === undefined ? 'running' : 'waiting'
  }

  /** Lets so many steps happen, each followed by whatever comes of it without a further step. */
  async function proceed(steps: number): Promise<void> {
    await settleDown()
    for (let i = 0; i < steps && scheduler.count() > 0; i++) {
      await scheduler.waitOne()
      await settleDown()
    }
  }

  async function settleDown(): Promise<void> {
    for (let i = 0; i < 6; i++) await turn()
  }

  /** Redis has a clock of its own, which nobody plays: what a job held that is no more would be held for ever. */
  async function ageLedger(ms: number): Promise<void> {
    const servers = redis instanceof Cluster ? redis.nodes('master') : [redis]
    const keys = await Promise.all(
      servers.map((server) => Array.fromAsync(server.scanStream({ match: 'parley:push:*' }))),
    )
    for (const key of keys.flat(2) as string[]) {
      const leftMs = (await redis.pttl(key)) - ms
      if (leftMs > 0) await redis.pexpire(key, leftMs)
      else await redis.del(key)
    }
  }

  async function renewLeases(): Promise<void> {
    for (const { isAlive, lease } of gateways) if (isAlive) await lease.renew()
  }

  async function mark(userId: UserId, kind: 'direct' | 'group', of: 'read' | 'delivered'): Promise<void> {
    const conversationId = conversations[kind]
    const last = entries.filter((entry) => entry.conversationId === conversationId).length
    await moveWatermarks(pool, [{ userId, conversationId, delivered: last, read: of === 'read' ? last : 0 }])
    const known = marks.get(`${userId} ${conversationId}`)
    marks.set(`${userId} ${conversationId}`, {
      delivered: last,
      read: of === 'read' ? last : (known?.read ?? 0),
    })
    if (of === 'read') withdrawals.note([userId])
  }

  return {
    people,
    wrong,

    async send(kind: 'direct' | 'group', from: number): Promise<void> {
      const conversationId = conversations[kind]
      const senderId = members[kind][from % members[kind].length] ?? ann
      const { rows } = await pool.query<{ seq: number }>(
        `with c as (
           update conversation set last_seq = last_seq + 1, last_count = last_count + 1, last_at = now()
           where conversation_id = $1 returning last_seq, last_count
         )
         insert into entry (conversation_id, seq, kind, sender_id, client_message_id, type, content, counted, pushed, count)
         select $1, last_seq, 'message', $2, $3, 'text', '{"text":"hi"}', true, true, last_count from c returning seq`,
        [conversationId, senderId, randomUUID()],
      )
      const seq = rows[0]?.seq ?? 0
      entries.push({ conversationId, seq, senderId, recalled: false })
      absentees.note({ conversationId, firstSeq: seq, lastSeq: seq, membersVersion: undefined })
    },
    read: (who: number, kind: 'direct' | 'group') => markOf(who, kind, 'read'),
    acknowledge: (who: number, kind: 'direct' | 'group') => markOf(who, kind, 'delivered'),
    async recall(which: number): Promise<void> {
      const entry = entries.filter(({ recalled }) => !recalled)[which]
      if (!entry) return
      const { conversationId, seq } = entry
      const alerted = await db.transaction().execute(async (trx) => {
        await recallMessage(trx, conversationId, seq)
        return endAlertsOf(trx, { conversationId, seqs: [seq] })
      })
      entry.recalled = true
      withdrawals.note(alerted)
    },
    async connect(who: number, gateway: number, foreground: boolean): Promise<void> {
      const there = gateways[gateway % gateways.length]
      const userId = people[who % people.length]
      if (!there?.isAlive || !userId) return
      there.users.set(userId, { sockets: 1, foreground })
      await there.lease.set(userId, { sockets: 1, foreground })
      await renewLeases()
    },
    async disconnect(who: number): Promise<void> {
      for (const { users, lease, isAlive } of gateways) {
        const userId = people[who % people.length]
        if (!userId || !users.delete(userId) || !isAlive) continue
        await lease.set(userId, { sockets: 0, foreground: false })
      }
    },
    /** Its lease ends when time goes on. */
    gatewayDies(which: number): void {
      const gateway = gateways[which % gateways.length]
      if (gateway) gateway.isAlive = false
    },
    async timePasses(ms: number): Promise<void> {
      vi.setSystemTime(Date.now() + ms)
      await renewLeases()
    },
    look: () => absentees.look(),
    sweep: () => rebuild({ db, redis, pushQueue }, { idleMs: 0 }),
    takeBack: () => withdrawals.look(),
    work,
    proceed,
    /** BullMQ takes a busy worker for dead and hands its job out again, while it goes on. */
    stall(): void {
      const [worker] = workers
      if (worker && jobs.get(worker.job.id) === worker.job) worker.job.state = 'waiting'
    },
    kill(): void {
      const [worker] = workers
      if (!worker) return
      worker.isDead = true
      finish(worker, 'killed')
    },
    /** Jobs, ledger and presence are gone; who is working goes on. */
    async wipe(): Promise<void> {
      await wipeRedis()
      jobs.clear()
    },

    /** Everything works again, until nothing is left to do. */
    async heal(): Promise<void> {
      for (let round = 0; round < 40 && wrong.length === 0; round++) {
        const before = added
        vi.setSystemTime(Date.now() + longMs)
        if (workers.size === 0) await ageLedger(longMs)
        await absentees.look()
        await rebuild({ db, redis, pushQueue }, { idleMs: 0 })
        await withdrawals.look()
        await withdrawals.sweep()
        if (added === before && workers.size === 0 && waiting().length === 0) return
        for (
          let turns = 0;
          turns < 200 && wrong.length === 0 && (workers.size > 0 || waiting().length > 0);
          turns++
        ) {
          work()
          await proceed(20)
          vi.setSystemTime(Date.now() + longMs)
        }
      }
      wrong.push('it never came to rest')
    },

    /** What is not as it should be, once everything has come to rest. */
    async faults(): Promise<string[]> {
      const badges = await listBadges(db, people)
      const found = [...wrong]
      for (const [key, times] of sounds) if (times > 1) found.push(`${key} sounded ${times} times`)
      for (const [key, phone] of phones) {
        const total = badges.get(phone.userId) ?? 0
        if (phone.badge !== undefined && phone.badge !== total)
          found.push(`${key} shows ${phone.badge} of ${total}`)
        for (const [messageId, { conversationId, seq }] of phone.shown) {
          const entry = entries.find((one) => one.conversationId === conversationId && one.seq === seq)
          const isRead = seq <= (marks.get(`${phone.userId} ${conversationId}`)?.read ?? 0)
          if (isRead || entry?.recalled) found.push(`${key} still shows ${messageId}`)
        }
        for (const { conversationId, seq, senderId, recalled } of entries) {
          const isMember = conversationId === conversations.group || phone.userId !== cas
          const { delivered = 0 } = marks.get(`${phone.userId} ${conversationId}`) ?? {}
          if (!isMember || senderId === phone.userId || recalled || seq <= delivered) continue
          const messageId = `${conversationId}.${seq}`
          if (!phone.everShown.has(messageId)) found.push(`${key} was never told of ${messageId}`)
        }
      }
      return found
    },
  }

  async function markOf(who: number, kind: 'direct' | 'group', of: 'read' | 'delivered'): Promise<void> {
    const userId = members[kind][who % members[kind].length]
    if (userId) await mark(userId, kind, of)
  }
}

export type World = Awaited<ReturnType<typeof createWorld>>
