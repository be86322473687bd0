import type { Logger } from '@parley/shared/log'
import { startLoop } from '@parley/shared/loop'
import type { Kysely } from 'kysely'
import type { Database } from '../db/schema.ts'
import type { Absentees } from '../deliveries/absentees.ts'
import { editKind } from '../log/entry.ts'
import { doorbellsOf, type Ring, wordlessBellsOf } from './doorbell.ts'
import * as store from './store.ts'

const everyMs = 1_000
/** Longer than an announcement takes on a busy day, short enough that a lost doorbell is not noticed for long. */
const overdueMs = 3_000
const pageSize = 200

interface SweepOptions {
  log: Logger
  db: Kysely<Database>
  absentees: Pick<Absentees, 'note'>
  ringAndForget: (rings: Ring[], dispatchIds: number[]) => Promise<void>
}

/**
 * Finds committed batches whose announcement a crash or a Redis outage left undone, and rings again. Only the
 * newest entry of a conversation rings: a client that sees the jump fetches the rest.
 */
export function startSweep({ log, db, absentees, ringAndForget }: SweepOptions): AsyncDisposable {
  return startLoop({ log, name: 'dispatch sweep', everyMs }, async () => {
    const overdue = await store.claimOverdue(db, { overdueMs, limit: pageSize })
    if (overdue.length === 0) return
    const spans = overdue.flatMap(spansOf)
    const newest = await store.listNewest(db, lastOfEach(spans))
    const rings = newest.flatMap(ringsOf)
    for (const span of spans) absentees.note({ ...span, membersVersion: undefined })
    await ringAndForget(
      rings,
      overdue.map(({ dispatchId }) => dispatchId),
    )
    log.info({ dispatches: overdue.length }, 'overdue dispatches were announced')
  })
}

/** Of an edit without its words: who may read them is asked when it is announced, and not again here. */
function ringsOf(row: store.RingableEntry): Ring[] {
  const facts = { ...row, kind: row.conversationKind }
  return row.kind === editKind ? wordlessBellsOf(row, facts) : doorbellsOf(row, facts)
}

function spansOf(row: { conversationIds: string[]; firstSeqs: number[]; lastSeqs: number[] }): store.Span[] {
  return row.conversationIds.map((conversationId, i) => {
    const lastSeq = Number(row.lastSeqs[i])
    return { conversationId, firstSeq: Number(row.firstSeqs[i]), lastSeq }
  })
}

function lastOfEach(spans: store.Span[]): store.Span[] {
  const last = new Map<string, store.Span>()
  for (const span of spans) {
    const known = last.get(span.conversationId)
    if (!known || known.lastSeq < span.lastSeq) last.set(span.conversationId, span)
  }
  return [...last.values()]
}
