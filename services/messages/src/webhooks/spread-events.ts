import type { Kysely } from 'kysely'
import { erasedReason } from '../accounts/erased.ts'
import type { Database } from '../db/schema.ts'
import { wants } from './endpoints.ts'
import { eventOf } from './event.ts'
import * as store from './store.ts'

const perRound = 200

type Noted = Pick<store.NewDelivery, 'eventId' | 'event' | 'conversationId' | 'seq' | 'data' | 'at'>

/**
 * Makes deliveries of what is noted, in one transaction with taking it out of the outbox: an event becomes a delivery
 * to each endpoint that wants it, or is still noted. An endpoint with too many waiting gets dead ones, which can be
 * replayed. The result says what is to be queued, and whether there may be more.
 */
export async function spreadEvents(
  db: Kysely<Database>,
  { backlog }: { backlog: number },
): Promise<{ queued: store.QueuedDelivery[]; more: boolean }> {
  return db.transaction().execute(async (trx) => {
    const rows = await store.takeOutbox(trx, perRound)
    if (rows.length === 0) return { queued: [], more: false }
    const endpoints = await store.listEndpoints(trx)
    const noted = [...(await entriesOf(trx, rows)), ...rows.flatMap(happeningOf)]
    const deliveries: store.NewDelivery[] = []
    for (const { endpointId, events, disabledAt } of endpoints) {
      const wanted = noted.filter(({ event }) => wants(events, event))
      if (wanted.length === 0) continue
      const room = backlog - (await store.countPending(trx, endpointId, backlog))
      for (const [i, event] of wanted.entries()) {
        const failure = disabledAt ? 'endpoint disabled' : i >= room ? 'too many wait' : null
        deliveries.push({ ...event, endpointId, state: failure ? 'dead' : 'pending', failure })
      }
    }
    return { queued: await store.insertDeliveries(trx, deliveries), more: rows.length === perRound }
  })
}

type OutboxRow = Awaited<ReturnType<typeof store.takeOutbox>>[number]

async function entriesOf(trx: Parameters<typeof store.listSpanned>[0], rows: OutboxRow[]): Promise<Noted[]> {
  const spans = rows.flatMap(({ conversationId, firstSeq, lastSeq }) =>
    conversationId !== null && firstSeq !== null && lastSeq !== null
      ? [{ conversationId, firstSeq, lastSeq }]
      : [],
  )
  return (await store.listSpanned(trx, spans)).flatMap((entry) => {
    const event = eventOf(entry)
    const { conversationId, seq, sentAt: at } = entry
    return event ? [{ eventId: `${conversationId}.${seq}`, event, conversationId, seq, data: null, at }] : []
  })
}

function happeningOf({ outboxId, event, data, at }: OutboxRow): Noted[] {
  if (event === null) return []
  // The trigger sees a deletion as what it is on a row: a suspension with a reason no operator can give.
  const { reason, ...rest } = (data ?? {}) as { reason?: string }
  const told = reason === erasedReason ? { event: 'user.deleted', data: rest } : { event, data }
  return [{ eventId: `account.${outboxId}`, ...told, conversationId: null, seq: null, at }]
}
