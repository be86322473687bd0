import type { MediaId, UserId } from '@parley/shared/ids'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database, Failure, Form, Media, NewMedia, Stage } from '../db/schema.ts'

export async function findMedia(db: Kysely<Database>, id: MediaId): Promise<Media | undefined> {
  return db.selectFrom('media').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Puts off the next look at whether these are still needed, and says what they are. */
export async function keepMedia(db: Kysely<Database>, ids: MediaId[], graceMs: number): Promise<Media[]> {
  return db
    .updateTable('media')
    .set({ collectAt: sql<Date>`greatest(collect_at, ${inMs(graceMs)})` })
    .where('id', '=', sql<MediaId>`any(${ids}::uuid[])`)
    .returningAll()
    .execute()
}

const inMs = (ms: number) => sql<Date>`now() + ${ms} * interval '1 ms'`

/** Holds an owner's other new uploads until the transaction ends, so that a count and what follows from it agree. */
export async function countPending(trx: Transaction<Database>, ownerId: UserId): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended('media-pending:' || ${ownerId}, 0))`.execute(trx)
  const { count } = await trx
    .selectFrom('media')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('ownerId', '=', ownerId)
    .where('status', '=', 'pending')
    .where('expiresAt', '>', sql<Date>`now()`)
    .executeTakeFirstOrThrow()
  return count
}

/** Of an owner's uploads, open ones included, as declared or as stored. Smaller pictures of them do not count. */
export async function sumBytes(trx: Transaction<Database>, ownerId: UserId): Promise<number> {
  const { sum } = await trx
    .selectFrom('media')
    .select(sql<number>`coalesce(sum(size_bytes), 0)::bigint`.as('sum'))
    .where('ownerId', '=', ownerId)
    .where('status', '!=', 'failed')
    .executeTakeFirstOrThrow()
  return sum
}

export async function insertMedia(trx: Transaction<Database>, media: NewMedia): Promise<void> {
  await trx.insertInto('media').values(media).execute()
}

/** Undefined unless it was pending: of two completions at once, one moves it on. */
export async function updateCompleted(
  trx: Transaction<Database>,
  id: MediaId,
  facts: {
    status: 'processing' | 'ready'
    contentType: string
    objectKey: string
    checkAfterMs: number
    collectAfterMs: number
  },
): Promise<Media | undefined> {
  const { status, contentType, objectKey, checkAfterMs, collectAfterMs } = facts
  return trx
    .updateTable('media')
    .set({
      status,
      contentType,
      objectKey,
      checkAt: status === 'processing' ? inMs(checkAfterMs) : null,
      collectAt: inMs(collectAfterMs),
    })
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .returningAll()
    .executeTakeFirst()
}

/** Undefined unless it had this status. */
export async function updateFailed(
  db: Kysely<Database>,
  { id, from, failure }: { id: MediaId; from: 'pending' | 'processing'; failure: Failure },
): Promise<Media | undefined> {
  return db
    .updateTable('media')
    .set({ status: 'failed', failure, stage: null, checkAt: null, runUntil: null })
    .where('id', '=', id)
    .where('status', '=', from)
    .returningAll()
    .executeTakeFirst()
}

/** In milliseconds, as this process reads it back. */
const inWholeMs = (ms: number) => sql<Date>`date_trunc('milliseconds', ${inMs(ms)})`

/** A run is known by when its lease ends, because none begins before the one before it has ended. */
type Run = Pick<Media, 'id' | 'runUntil'>

/** Undefined unless it waits to be processed and nobody else has it in hand. */
export async function beginRun(
  db: Kysely<Database>,
  { id, leaseMs }: { id: MediaId; leaseMs: number },
): Promise<Media | undefined> {
  return db
    .updateTable('media')
    .set((eb) => ({
      unansweredRuns: eb('unansweredRuns', '+', 1),
      runUntil: inWholeMs(leaseMs),
    }))
    .where('id', '=', id)
    .where('status', '=', 'processing')
    .where((eb) => eb.or([eb('runUntil', 'is', null), eb('runUntil', '<', sql<Date>`now()`)]))
    .returningAll()
    .executeTakeFirst()
}

/** With an answer, the runs that had none no longer count against the file. */
export async function updateAnswered(db: Kysely<Database>, id: MediaId): Promise<void> {
  await db.updateTable('media').set({ unansweredRuns: 0 }).where('id', '=', id).execute()
}

/** Lets another attempt begin at once. Of a run that outlasted its lease and was followed by another, nothing is changed. */
export async function releaseRun(db: Kysely<Database>, { id, runUntil }: Run): Promise<void> {
  await db
    .updateTable('media')
    .set({ runUntil: null })
    .where('id', '=', id)
    .where('runUntil', '=', runUntil)
    .execute()
}

/** The same, of a run that ended for a reason which is not the file's: it does not count against the file. */
export async function takeBackRun(db: Kysely<Database>, { id, runUntil }: Run): Promise<void> {
  await db
    .updateTable('media')
    .set({ unansweredRuns: sql`greatest(unanswered_runs - 1, 0)`, runUntil: null })
    .where('id', '=', id)
    .where('runUntil', '=', runUntil)
    .execute()
}

/** What is being done with it now. Undefined unless it is processing. */
export async function updateStage(
  db: Kysely<Database>,
  id: MediaId,
  stage: Stage,
): Promise<Media | undefined> {
  return db
    .updateTable('media')
    .set({ stage })
    .where('id', '=', id)
    .where('status', '=', 'processing')
    .returningAll()
    .executeTakeFirst()
}

type ReadyFacts = Pick<
  Media,
  | 'contentType'
  | 'fileName'
  | 'sizeBytes'
  | 'width'
  | 'height'
  | 'animated'
  | 'thumbhash'
  | 'durationMs'
  | 'waveform'
  | 'videoCodec'
  | 'audioCodec'
  | 'objectKey'
> & {
  /** As JSON. */
  forms: string
  collectAfterMs: number
}

/** Undefined unless it was processing. */
export async function updateReady(
  trx: Transaction<Database>,
  id: MediaId,
  { collectAfterMs, ...facts }: ReadyFacts,
): Promise<Media | undefined> {
  return trx
    .updateTable('media')
    .set({
      ...facts,
      status: 'ready',
      stage: null,
      checkAt: null,
      runUntil: null,
      collectAt: inMs(collectAfterMs),
    })
    .where('id', '=', id)
    .where('status', '=', 'processing')
    .returningAll()
    .executeTakeFirst()
}

/** Takes a page of uploads that should have been processed by now, and puts off when to look at each again: twice as long every time, up to an hour. */
export async function takeForgotten(
  db: Kysely<Database>,
  { afterMs, limit }: { afterMs: number; limit: number },
): Promise<Pick<Media, 'id' | 'requeues'>[]> {
  return db
    .updateTable('media')
    .set((eb) => ({
      requeues: eb('requeues', '+', 1),
      checkAt: sql<Date>`now() + least(${afterMs} * power(2, least(requeues, 20)), 3600000) * interval '1 ms'`,
    }))
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('media')
        .select('id')
        .where('status', '=', 'processing')
        .where('checkAt', '<', sql<Date>`now()`)
        .orderBy('checkAt')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['id', 'requeues'])
    .execute()
}

/** Takes an owner's open ticket away and gives back where its bytes were to go; undefined if there is none. */
export async function removePending(
  trx: Transaction<Database>,
  { mediaId, ownerId }: { mediaId: MediaId; ownerId: UserId },
): Promise<string | undefined> {
  const row = await trx
    .deleteFrom('media')
    .where('id', '=', mediaId)
    .where('ownerId', '=', ownerId)
    .where('status', '=', 'pending')
    .returning('incomingKey')
    .executeTakeFirst()
  return row?.incomingKey
}

/** How many tickets were removed whose link ended this long ago. */
export async function removeExpired(
  db: Kysely<Database>,
  { graceMs, limit }: { graceMs: number; limit: number },
): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('media')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('media')
        .select('id')
        .where('status', '=', 'pending')
        .where('expiresAt', '<', sql<Date>`now() - ${graceMs} * interval '1 ms'`)
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

/**
 * Adds to what was made of ready media, unless it is there already, and gives the media back as it then is; without
 * `media` if it is gone.
 */
export async function addForms(
  trx: Transaction<Database>,
  id: MediaId,
  forms: Form[],
): Promise<{ media?: Media; added: boolean }> {
  const media = await trx.selectFrom('media').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  if (media?.status !== 'ready') return { added: false }
  const names = new Set(media.forms.map(({ name }) => name))
  if (forms.some(({ name }) => names.has(name))) return { media, added: false }
  const all = [...media.forms, ...forms]
  await trx
    .updateTable('media')
    .set({ forms: JSON.stringify(all) })
    .where('id', '=', id)
    .execute()
  return { media: { ...media, forms: all }, added: true }
}

/** A page of media that is to be looked at: whether anything still needs it. */
export async function listCollectable(db: Kysely<Database>, limit: number): Promise<MediaId[]> {
  const rows = await db
    .selectFrom('media')
    .select('id')
    .where('status', 'in', ['ready', 'failed'])
    .where('collectAt', '<=', sql<Date>`now()`)
    .orderBy('collectAt')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** Puts off the next look at media that is still needed. */
export async function putOffCollection(db: Kysely<Database>, ids: MediaId[], againMs: number): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('media')
    .set({ collectAt: inMs(againMs) })
    .where('id', '=', sql<MediaId>`any(${ids}::uuid[])`)
    .where('collectAt', '<=', sql<Date>`now()`)
    .execute()
}

/** Takes media away and gives back the keys of its objects, by media; what was claimed since it was looked at stays. */
export async function removeCollected(trx: Transaction<Database>, ids: MediaId[]): Promise<string[][]> {
  const rows = await trx
    .deleteFrom('media')
    .where('id', '=', sql<MediaId>`any(${ids}::uuid[])`)
    .where('status', 'in', ['ready', 'failed'])
    .where('collectAt', '<=', sql<Date>`now()`)
    .returning(['objectKey', 'forms'])
    .execute()
  return rows.map(({ objectKey, forms }) => [
    ...(objectKey === null ? [] : [objectKey]),
    ...forms.map(({ key }) => key),
  ])
}
