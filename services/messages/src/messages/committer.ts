import { AppError } from '@parley/shared/errors'
import { messageIdOf } from '@parley/shared/ids'
import type { Logger } from '@parley/shared/log'
import { openPool } from '@parley/shared/postgres'
import type { Sent } from '@parley/shared/rpc'
import type { TraceSpan, Tracing } from '@parley/shared/tracing'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { Config } from '../config.ts'
import { schema } from '../db/database.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import { notAMember } from '../errors.ts'
import { isoTime } from '../log/iso-time.ts'
import { commitUntilSettled, type SettledBatch } from './commit-until-settled.ts'
import { createLanes } from './lanes.ts'
import { createPlainSends } from './plain-sends.ts'
import type { PreparedSend } from './prepared-send.ts'

const maxBatch = 256
const maxQueuedPerLane = 4_096
/** A commit costs much the same whether it holds one message or ten, so while messages flow a lane lets some gather (ADR 40). */
const lanePaceMs = 8
/** Sends of all gateways come in the same moment (ADR 44). */
const laneSettleMs = 1
/** To gather more than these saves little, and one busy conversation would wait for its pace. */
const enoughInALane = 64

interface CommitterOptions {
  config: Config
  log: Logger
  metrics: Registry
  tracing: Tracing | undefined
  dispatcher: Dispatcher
}

/**
 * Writes messages. A conversation goes through one lane at a time, and a lane has one batch in flight: what
 * arrives meanwhile makes the next batch. So two batches of one instance never wait for each other's rows.
 * The promise of a send is kept after its commit; announcing it to others happens after that.
 */
export function createCommitter({ config, log, metrics, tracing, dispatcher }: CommitterOptions) {
  const pool = openPool(
    { url: config.database.url, poolSize: config.commitLanes, schema, plans: 'by-index' },
    log,
  )
  const count = new Counter({
    name: 'parley_messages_sent_total',
    help: 'Sends by outcome',
    labelNames: ['outcome'],
    registers: [metrics],
  })
  const seconds = new Histogram({
    name: 'parley_message_commit_seconds',
    help: 'Time of one commit, whatever number of sends it holds',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [metrics],
  })

  const plainSends = createPlainSends()
  const lanes = createLanes<PreparedSend, Sent>({
    lanes: config.commitLanes,
    maxBatch,
    maxQueued: maxQueuedPerLane,
    everyMs: lanePaceMs,
    settleMs: laneSettleMs,
    enough: enoughInALane,
    keyOf: ({ conversationId }) => conversationId,
    run: commitLane,
  })

  async function commitLane(sends: PreparedSend[]): Promise<(Sent | AppError)[]> {
    const { distinct, places } = firstOfEach(sends)
    const observe = seconds.startTimer()
    const span = tracing && beginCommit(tracing, distinct)
    const settled = await commitUntilSettled(pool, distinct, {
      log: span ? log.child({ traceId: span.traceId }) : log,
      messagesFrom: config.messagesFrom,
      plainSends,
    })
    observe()
    span?.end()
    if (settled.outcomes.some(isNews)) setImmediate(() => dispatcher.announce(settled))
    const results = distinct.map((send, i) => resultOf(send, settled.outcomes[i]))
    countOutcomes(settled)
    return places.map((place) => results[place] ?? notAMember())
  }

  function countOutcomes({ outcomes }: SettledBatch): void {
    const tally = new Map<string, number>()
    for (const outcome of outcomes) {
      const name = outcome instanceof AppError ? outcome.code : outcome.kind
      tally.set(name, (tally.get(name) ?? 0) + 1)
    }
    for (const [outcome, number] of tally) count.inc({ outcome }, number)
  }

  /** Tells what share of its time the busiest lane spent on full batches since it was last asked, 0 to 1. */
  function watchPressure(): () => number {
    let last = { at: performance.now(), fullMs: lanes.fullMs() }
    return () => {
      const since = last
      last = { at: performance.now(), fullMs: lanes.fullMs() }
      const shares = last.fullMs.map((ms, i) => (ms - (since.fullMs[i] ?? 0)) / (last.at - since.at))
      return Math.max(...shares)
    }
  }

  return {
    watchPressure,
    commit: (send: PreparedSend): Promise<Sent> => lanes.add(send),
    /** As `commit`, without a promise. */
    take: lanes.put,
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

export type Committer = ReturnType<typeof createCommitter>

/** One span for the batch: caused by the first send whose trace is recorded, and linked with the others, both ways. */
function beginCommit(tracing: Tracing, sends: PreparedSend[]): TraceSpan | undefined {
  const [first, ...others] = sends.flatMap(({ span }) => span ?? [])
  const attributes = { 'parley.sends': sends.length }
  const commit = tracing.follow(first?.traceparent, 'commit', { attributes })
  for (const other of commit ? others : []) {
    commit?.link(other.traceparent)
    if (commit) other.link(commit.traceparent)
  }
  return commit
}

/** The same send twice in one batch is one send: the distinct ones, and the place among them of each. */
function firstOfEach(sends: PreparedSend[]): { distinct: PreparedSend[]; places: number[] } {
  // Ids of clients rarely meet, and are cheaper to compare than the whole key.
  if (new Set(sends.map((send) => send.clientMessageId)).size === sends.length)
    return { distinct: sends, places: [...sends.keys()] }
  const placeOf = new Map<string, number>()
  const distinct: PreparedSend[] = []
  const places = sends.map((send) => {
    const key = `${send.conversationId}\n${send.senderId}\n${send.clientMessageId}`
    const known = placeOf.get(key)
    if (known !== undefined) return known
    placeOf.set(key, distinct.length)
    return distinct.push(send) - 1
  })
  return { distinct, places }
}

function resultOf(
  send: PreparedSend,
  outcome: SettledBatch['outcomes'][number] | undefined,
): Sent | AppError {
  if (outcome === undefined) return notAMember()
  if (outcome instanceof AppError) return outcome
  const { conversationId, span } = send
  const sentAt = isoTime(outcome.sentAt)
  if (outcome.kind === 'passed') return { messageId: outcome.messageId, conversationId, seq: 0, sentAt }
  const messageId = messageIdOf(conversationId, outcome.seq)
  span?.set({ 'parley.message_id': messageId })
  return { messageId, conversationId, seq: outcome.seq, sentAt }
}

const isNews = (outcome: SettledBatch['outcomes'][number]) =>
  !(outcome instanceof AppError) && outcome.kind !== 'known'
