import { type Kysely, sql, type Transaction } from 'kysely'
import type { ConversationKind, Database } from '../db/schema.ts'
import { type ConversationFacts, type LogRow } from '../log/entry.ts'
import { entryColumns } from '../log/store.ts'
import type { Endpoint } from './endpoints.ts'

/** Makes endpoints known; others stay, since an instance of another release may know them. */
export async function upsertEndpoints(db: Kysely<Database>, endpoints: Endpoint[]): Promise<void> {
  await db
    .insertInto('webhookEndpoint')
    .values(endpoints.map(({ id: endpointId, events }) => ({ endpointId, events })))
    .onConflict((conflict) =>
      conflict.column('endpointId').doUpdateSet((eb) => ({ events: eb.ref('excluded.events') })),
    )
    .execute()
}

export async function listEndpoints(db: Kysely<Database>) {
  return db.selectFrom('webhookEndpoint').selectAll().orderBy('endpointId').execute()
}

export async function removeEndpoint(db: Kysely<Database>, endpointId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('webhookEndpoint')
    .where('endpointId', '=', endpointId)
    .executeTakeFirstOrThrow()
  return numDeletedRows === 1n
}

/** The oldest of what is noted, taken out; instances take different ones. */
export async function takeOutbox(trx: Transaction<Database>, limit: number) {
  const { rows } = await sql<{
    outboxId: number
    conversationId: string | null
    firstSeq: number | null
    lastSeq: number | null
    event: string | null
    data: object | null
    at: Date
  }>`
    delete from webhook_outbox where outbox_id in (
      select outbox_id from webhook_outbox order by outbox_id limit ${limit} for update skip locked
    )
    returning *`.execute(trx)
  return rows.toSorted((a, b) => a.outboxId - b.outboxId)
}

export interface SpannedEntry {
  conversationId: string
  seq: number
  kind: string
  type: string
  sentAt: Date
  conversationKind: ConversationKind
}

export async function listSpanned(
  trx: Transaction<Database>,
  spans: { conversationId: string; firstSeq: number; lastSeq: number }[],
): Promise<SpannedEntry[]> {
  if (spans.length === 0) return []
  const { rows } = await sql<SpannedEntry>`
    select e.conversation_id, e.seq, e.kind, e.type, e.sent_at, c.kind as conversation_kind
    from unnest(
      ${spans.map(({ conversationId }) => conversationId)}::text[],
      ${spans.map(({ firstSeq }) => firstSeq)}::bigint[], ${spans.map(({ lastSeq }) => lastSeq)}::bigint[]
    ) with ordinality as s (id, first_seq, last_seq, place)
    join conversation c on c.conversation_id = s.id
    join entry e on e.conversation_id = s.id and e.seq between s.first_seq and s.last_seq
    order by s.place, e.seq`.execute(trx)
  return rows
}

/** How many an endpoint has waiting, counted up to a limit. */
export async function countPending(db: Kysely<Database>, endpointId: string, limit: number): Promise<number> {
  const { rows } = await sql<{ pending: number }>`
    select count(*) as pending from (
      select from webhook_delivery where endpoint_id = ${endpointId} and state = 'pending' limit ${limit}
    ) p`.execute(db)
  return Number(rows[0]?.pending ?? 0)
}

export interface NewDelivery {
  endpointId: string
  eventId: string
  event: string
  conversationId: string | null
  seq: number | null
  data: object | null
  at: Date
  state: 'pending' | 'dead'
  failure: string | null
}

/** An event that an endpoint has already is left as it is. Names those to be queued. */
export async function insertDeliveries(
  trx: Transaction<Database>,
  deliveries: NewDelivery[],
): Promise<QueuedDelivery[]> {
  if (deliveries.length === 0) return []
  const { rows } = await sql<QueuedDelivery & { state: string }>`
    insert into webhook_delivery (endpoint_id, event_id, event, conversation_id, seq, data, at, state, failure, failed_at)
    select d.*, case when d.state = 'dead' then now() end from unnest(
      ${deliveries.map(({ endpointId }) => endpointId)}::text[],
      ${deliveries.map(({ eventId }) => eventId)}::text[],
      ${deliveries.map(({ event }) => event)}::text[],
      ${deliveries.map(({ conversationId }) => conversationId)}::text[],
      ${deliveries.map(({ seq }) => seq)}::bigint[],
      ${deliveries.map(({ data }) => data && JSON.stringify(data))}::jsonb[],
      ${deliveries.map(({ at }) => at)}::timestamptz[],
      ${deliveries.map(({ state }) => state)}::text[],
      ${deliveries.map(({ failure }) => failure)}::text[]
    ) as d (endpoint_id, event_id, event, conversation_id, seq, data, at, state, failure)
    on conflict do nothing
    returning delivery_id, round, state`.execute(trx)
  return rows.filter(({ state }) => state === 'pending')
}

export interface QueuedDelivery {
  deliveryId: number
  round: number
}

/** Deliveries nobody has queued for so long: the queue may have lost them, or never had them. */
export async function claimUnqueued(
  db: Kysely<Database>,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<QueuedDelivery[]> {
  const { rows } = await sql<QueuedDelivery>`
    update webhook_delivery set queued_at = now() where delivery_id in (
      select delivery_id from webhook_delivery
      where state = 'pending' and queued_at < now() - ${olderThanMs} * interval '1 millisecond'
      order by queued_at limit ${limit} for update skip locked
    )
    returning delivery_id, round`.execute(db)
  return rows
}

export async function findDelivery(db: Kysely<Database>, { deliveryId, round }: QueuedDelivery) {
  return db
    .selectFrom('webhookDelivery as d')
    .innerJoin('webhookEndpoint as e', 'e.endpointId', 'd.endpointId')
    .select([
      'd.deliveryId',
      'd.round',
      'd.endpointId',
      'd.eventId',
      'd.event',
      'd.conversationId',
      'd.seq',
      'd.data',
      'd.at',
      'e.disabledAt',
      'e.failingSince',
    ])
    .where('d.deliveryId', '=', deliveryId)
    .where('d.round', '=', round)
    .where('d.state', '=', 'pending')
    .executeTakeFirst()
}
export type DueDelivery = NonNullable<Awaited<ReturnType<typeof findDelivery>>>

export type DueEntry = LogRow & { conversation: Omit<ConversationFacts, 'conversationId'> }

export async function findEntry(
  db: Kysely<Database>,
  conversationId: string,
  seq: number,
): Promise<DueEntry | undefined> {
  const row = await db
    .selectFrom('entry')
    .select(entryColumns)
    .where('conversationId', '=', conversationId)
    .where('seq', '=', seq)
    .executeTakeFirst()
  const conversation = await db
    .selectFrom('conversation')
    .select(['kind', 'policy', 'name', 'avatarUrl', 'userIds'])
    .where('conversationId', '=', conversationId)
    .executeTakeFirst()
  return row && conversation && { ...row, conversation }
}

/** It has arrived; an endpoint that failed before fails no longer. */
export async function removeDelivered(
  db: Kysely<Database>,
  { deliveryId, endpointId }: DueDelivery,
): Promise<void> {
  await sql`
    with gone as (delete from webhook_delivery where delivery_id = ${deliveryId})
    update webhook_endpoint set failing_since = null
    where endpoint_id = ${endpointId} and failing_since is not null`.execute(db)
}

/** Since when every delivery to an endpoint has failed, this one included. */
export async function noteFailure(db: Kysely<Database>, endpointId: string): Promise<Date> {
  const { rows } = await sql<{ failingSince: Date }>`
    update webhook_endpoint set failing_since = coalesce(failing_since, now())
    where endpoint_id = ${endpointId} returning failing_since`.execute(db)
  return rows[0]?.failingSince ?? new Date()
}

/** What was replayed since is left as it is. */
export async function markDead(
  db: Kysely<Database>,
  { deliveryId, round }: QueuedDelivery,
  failure: string,
): Promise<void> {
  await db
    .updateTable('webhookDelivery')
    .set({ state: 'dead', failure, failedAt: sql`now()` })
    .where('deliveryId', '=', deliveryId)
    .where('round', '=', round)
    .execute()
}

/** Nothing is sent there any more; what waits is dead, and can be replayed. */
export async function disableEndpoint(
  db: Kysely<Database>,
  endpointId: string,
  reason: string,
): Promise<void> {
  await sql`
    with dead as (
      update webhook_delivery set state = 'dead', failure = 'endpoint disabled', failed_at = now()
      where endpoint_id = ${endpointId} and state = 'pending'
    )
    update webhook_endpoint set disabled_at = coalesce(disabled_at, now()), disabled_reason = ${reason}
    where endpoint_id = ${endpointId}`.execute(db)
}

/** False if there is no such endpoint. */
export async function enableEndpoint(db: Kysely<Database>, endpointId: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('webhookEndpoint')
    .set({ disabledAt: null, disabledReason: null, failingSince: null })
    .where('endpointId', '=', endpointId)
    .executeTakeFirstOrThrow()
  return numUpdatedRows === 1n
}

export async function listDead(
  db: Kysely<Database>,
  { endpointId, after, limit }: { endpointId: string; after: number; limit: number },
) {
  return db
    .selectFrom('webhookDelivery')
    .select(['deliveryId', 'eventId', 'event', 'conversationId', 'seq', 'at', 'failedAt', 'failure'])
    .where('endpointId', '=', endpointId)
    .where('state', '=', 'dead')
    .where('deliveryId', '>', after)
    .orderBy('deliveryId')
    .limit(limit)
    .execute()
}

/** Brings dead deliveries back, the oldest first: those named, or as many as the limit. */
export async function revive(
  db: Kysely<Database>,
  { endpointId, deliveryIds, limit }: { endpointId: string; deliveryIds: number[] | null; limit: number },
): Promise<QueuedDelivery[]> {
  const { rows } = await sql<QueuedDelivery>`
    update webhook_delivery
    set state = 'pending', round = round + 1, queued_at = now(), failure = null, failed_at = null
    where delivery_id in (
      select delivery_id from webhook_delivery
      where endpoint_id = ${endpointId} and state = 'dead'
        and (${deliveryIds}::bigint[] is null or delivery_id = any(${deliveryIds}::bigint[]))
      order by delivery_id limit ${limit} for update skip locked
    )
    returning delivery_id, round`.execute(db)
  return rows
}

/** Lets go of dead deliveries that are too old, and of the oldest where an endpoint has too many. */
export async function removeOldDead(
  db: Kysely<Database>,
  { olderThanDays, mostEach }: { olderThanDays: number; mostEach: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    with floor as materialized (
      select e.endpoint_id, (
        select delivery_id from webhook_delivery
        where endpoint_id = e.endpoint_id and state = 'dead'
        order by delivery_id desc offset ${mostEach} limit 1) as delivery_id
      from webhook_endpoint e
    )
    delete from webhook_delivery d using floor f
    where d.endpoint_id = f.endpoint_id and d.state = 'dead' and (
      d.failed_at < now() - ${olderThanDays} * interval '1 day' or d.delivery_id <= f.delivery_id
    )`.execute(db)
  return Number(numAffectedRows ?? 0)
}

export interface EndpointState {
  endpointId: string
  events: string[]
  failingSince: Date | null
  disabledAt: Date | null
  disabledReason: string | null
  pending: number
  dead: number
}

export async function listStates(db: Kysely<Database>): Promise<EndpointState[]> {
  const { rows } = await sql<EndpointState>`
    select e.*, n.pending, n.dead
    from webhook_endpoint e
    left join lateral (
      select count(*) filter (where state = 'pending') as pending, count(*) filter (where state = 'dead') as dead
      from webhook_delivery where endpoint_id = e.endpoint_id
    ) n on true
    order by e.endpoint_id`.execute(db)
  return rows
}

/** Seconds the oldest note has waited to become deliveries. */
export async function findOutboxAge(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ age: number }>`
    select coalesce(extract(epoch from now() - (
      select at from webhook_outbox order by outbox_id limit 1)), 0)::float8 as age`.execute(db)
  return rows[0]?.age ?? 0
}

/** Lets go of what nobody has told for so long, some of it. */
export async function removeOldOutbox(
  db: Kysely<Database>,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from webhook_outbox where outbox_id in (
      select outbox_id from webhook_outbox order by outbox_id limit ${limit}
    ) and at < now() - ${olderThanDays} * interval '1 day'`.execute(db)
  return Number(numAffectedRows ?? 0)
}
