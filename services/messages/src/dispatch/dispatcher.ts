import { AppError } from '@parley/shared/errors'
import type { Logger } from '@parley/shared/log'
import { type Announcer, encodeTraced } from '@parley/shared/realtime'
import { during, type TraceSpan, type Tracing } from '@parley/shared/tracing'
import type { Kysely } from 'kysely'
import { Gauge, type Registry } from 'prom-client'
import type { Database } from '../db/schema.ts'
import type { Absentees } from '../deliveries/absentees.ts'
import { type ConversationFacts, type LogRow, messageKind, plainEntry } from '../log/entry.ts'
import type { SettledBatch } from '../messages/commit-until-settled.ts'
import type { PreparedSend } from '../messages/prepared-send.ts'
import { doorbellsOf, passingBellsOf, type Ring, wordlessBellsOf } from './doorbell.ts'
import { createForgetter } from './forget.ts'
import * as store from './store.ts'
import { startSweep } from './sweep.ts'

const countedTo = 10_000

interface DispatcherOptions {
  log: Logger
  metrics: Registry
  tracing: Tracing | undefined
  db: Kysely<Database>
  announcer: Announcer
  absentees: Pick<Absentees, 'note'>
  /** Whether what was announced is to be indexed for search. */
  heirs: store.Heirs
}

/**
 * Carries out what follows a commit: rings the doorbells, notes who may be away, then forgets the dispatch row
 * that the commit left. Whatever stops this half-way leaves the row, and a sweep does it again: a doorbell that
 * rings twice is harmless.
 */
export function createDispatcher({
  log,
  metrics,
  tracing,
  db,
  announcer,
  absentees,
  heirs,
}: DispatcherOptions) {
  const forgetting = createForgetter({ log, db, heirs })

  async function ringAndForget(rings: Ring[], dispatchIds: number[]): Promise<void> {
    await announcer.ring(rings)
    forgetting.forget(dispatchIds)
  }

  new Gauge({
    name: 'parley_dispatches_pending',
    help: 'Committed batches whose doorbells are not all out, counted up to 10,000; every instance shows the same',
    registers: [metrics],
    async collect() {
      // A scrape must not fail because Postgres is away.
      const pending = await store.countDispatches(db, countedTo).catch(() => undefined)
      if (pending !== undefined) this.set(pending)
    },
  })
  const unsent = (err: unknown) => log.warn({ err }, 'dispatch is left to the sweep')
  const sweep = startSweep({ log, db, absentees, ringAndForget })

  /** The rings of a send, which carry its trace on to gateways if that is recorded. */
  function withTrace(rings: Ring[], { span }: PreparedSend, bells: TraceSpan[]): Ring[] {
    const attributes = { 'parley.rooms': rings.length }
    const bell = tracing?.follow(span?.traceparent, 'doorbell', { kind: 'producer', attributes })
    if (!bell) return rings
    bells.push(bell)
    return rings.map(({ room, text }) => ({ room, text: encodeTraced(bell.traceparent, text) }))
  }

  return {
    /** Announces what a lane has committed. Never throws: the commit is done, and its senders have their answer. */
    announce({ sends, outcomes, dispatches }: SettledBatch): void {
      const rings: Ring[] = []
      const bells: TraceSpan[] = []
      for (const [i, send] of sends.entries()) {
        const outcome = outcomes[i]
        if (outcome === undefined || outcome instanceof AppError || outcome.kind === 'known') continue
        const facts = { ...outcome.conversation, conversationId: send.conversationId }
        if (outcome.kind === 'passed') {
          rings.push(...withTrace(passingBellsOf(send, { ...outcome, facts }), send, bells))
          continue
        }
        const { seq, sentAt, counted } = outcome
        const row = { ...plainEntry, ...send, kind: messageKind, seq, sentAt, counted }
        rings.push(...withTrace(doorbellsOf(row, facts), send, bells))
        absentees.note({
          conversationId: send.conversationId,
          firstSeq: seq,
          lastSeq: seq,
          membersVersion: outcome.conversation.membersVersion,
          trace: send.span?.traceparent,
        })
      }
      const ringing = ringAndForget(rings, dispatches)
      ringing.catch(unsent)
      for (const bell of bells) during(bell, () => ringing).catch(() => {})
    },

    /**
     * Announces an entry that was committed outside the lanes, such as a change of members. It rings at `joined`
     * too, because their gateways are only now subscribing to the conversation's room. What is not for all rings
     * without its words.
     */
    announceEntry(
      row: LogRow,
      {
        facts,
        dispatchId,
        joined = [],
        isForAll = true,
      }: { facts: ConversationFacts; dispatchId: number; joined?: string[]; isForAll?: boolean },
    ): void {
      absentees.note({
        conversationId: row.conversationId,
        firstSeq: row.seq,
        lastSeq: row.seq,
        membersVersion: undefined,
      })
      const rings = isForAll ? doorbellsOf(row, facts, joined) : wordlessBellsOf(row, facts)
      ringAndForget(rings, [dispatchId]).catch(unsent)
    },

    async [Symbol.asyncDispose]() {
      await sweep[Symbol.asyncDispose]()
      await forgetting[Symbol.asyncDispose]()
    },
  }
}

export type Dispatcher = ReturnType<typeof createDispatcher>
